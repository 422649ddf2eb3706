/* dict.h - the ids of one node type that one batch brought, sorted bytewise, in packed blocks.
 *
 * Invariant: ids ascend in a part; its ids have the numbers first .. first + count - 1. In a plain
 * part numbers follow the bytes of the ids: the id at rank r has number first + r, and nothing more
 * is stored. A permuted part, which only a compaction writes, stores the number of each id beside
 * its block, and for each number the block that its id is in. Either way a number finds its id, and
 * an id its number, by one or two blocks. Who walks over ids asks rsi_dict_number for each.
 * Layout: a block holds up to 4096 ids, front-coded, packed by zstd; its note in the index
 * holds how many, how many bytes unpacked, and its first id (docs/FORMAT.md).
 * Cost: a look-up is a binary search over first ids and one block of at most some 260 KiB.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_STORE_DICT_H
#define RSI_STORE_DICT_H

#include "base/zblock.h"
#include "ringscope/text.h"
#include "store/blockfile.h"

#define RSI_ID_BYTES_MAX       ((size_t)4096)
#define RSI_DICT_BLOCK_IDS_MAX ((size_t)4096)
#define RSI_DICT_BLOCK_BYTES_CUT                                                                   \
    ((size_t)256 << 10) /* a block ends with the id that passes this                               \
                         */

/* Bytewise; a prefix comes first. */
int rsi_text_compare(rs_text a, rs_text b);
/* How many bytes they begin with in common. */
size_t rsi_text_shared(rs_text a, rs_text b);

/* Append the packed block of sorted, distinct `ids` to `block` and its note to `note`. `scratch` is
 * replaced. */
RS_MUST_USE rs_status rsi_dict_encode(rsi_zblock *zblock, const rs_text *ids, size_t count,
                                      rsi_buffer *scratch, rsi_buffer *block, rsi_buffer *note,
                                      rs_error *err);

/* The first dense number and the number of ids of a part, as a file's meta; a permuted part has a
 * word of flags more. */
enum { RSI_DICT_META_BYTES = 8, RSI_DICT_META_PERMUTED = 12, RSI_DICT_FLAG_PERMUTED = 1 };
void rsi_dict_meta(uint32_t first, uint32_t count, uint8_t meta[RSI_DICT_META_BYTES]);

/* A part that was opened. Shared by threads; lives as long as the file. */
typedef struct rsi_dict_part {
    const rsi_blockfile *file;
    uint32_t first; /* dense number of the id at rank 0 */
    uint32_t count;
    size_t id_blocks;     /* blocks of ids; those behind say which block each number is in */
    uint32_t *block_rank; /* of each block's first id, and `count` at the end */
    bool permuted;
    unsigned number_bits; /* of a number in a permuted part */
    unsigned block_bits;  /* of a block's number */
} rsi_dict_part;

/* RS_ECORRUPT where meta and notes are not those of a part. */
RS_MUST_USE rs_status rsi_dict_open(rsi_dict_part *part, const rsi_blockfile *file, rs_error *err);
void rsi_dict_close(rsi_dict_part *part);

/* One block, unpacked; belongs to one thread, used again for other blocks and parts. */
typedef struct rsi_dict_block {
    rsi_zblock *zblock;
    rsi_buffer packed;
    rsi_buffer raw;
    rsi_buffer bytes; /* of the ids */
    rs_text *ids;
    uint32_t *numbers; /* of each id, from the part's first on; set by rsi_dict_load */
    size_t count;
    const rsi_dict_part *part; /* what is in it now; NULL: nothing */
    size_t number;
    size_t found; /* place in it of what rsi_dict_find looked for last */
} rsi_dict_block;

RS_MUST_USE rs_status rsi_dict_block_new(rsi_dict_block **out, rs_error *err);
void rsi_dict_block_free(rsi_dict_block *block);
/* Unpack block `number` of `part`, unless it is there already. */
RS_MUST_USE rs_status rsi_dict_load(rsi_dict_block *block, const rsi_dict_part *part, size_t number,
                                    rs_error *err);
/* Unpack `packed` by its note; what rsi_dict_load does with what it read. */
RS_MUST_USE rs_status rsi_dict_decode(rsi_dict_block *block, const uint8_t *packed,
                                      size_t packed_length, const uint8_t *note, size_t note_length,
                                      rs_error *err);

/* The dense number of the i-th id of a loaded block. */
static inline uint32_t rsi_dict_number(const rsi_dict_block *block, size_t i)
{
    return block->part->first + block->numbers[i];
}

/* The id of dense number `node`, which is one of the part's: lent by the block. */
RS_MUST_USE rs_status rsi_dict_name(const rsi_dict_part *part, rsi_dict_block *block, uint32_t node,
                                    rs_text *id, rs_error *err);

/* ---- permuted parts ----------------------------------------------------------------------- */

/* So many numbers have their blocks told by one block. */
#define RSI_DICT_INVERSE_MAX ((size_t)65536)

/* Bits that hold 0 .. count - 1; at least 1. */
unsigned rsi_dict_bits(size_t count);
/* Append `count` values of `bits` bits each, from the lowest bit of each byte on. */
RS_MUST_USE rs_status rsi_dict_pack(const uint32_t *values, size_t count, unsigned bits,
                                    rsi_buffer *out, rs_error *err);
/* What a permuted part has beside its blocks of ids: meta, and one block of the inverse. */
void rsi_dict_meta_permuted(uint32_t first, uint32_t count, uint8_t meta[RSI_DICT_META_PERMUTED]);
enum { RSI_DICT_INVERSE_NOTE = 8 };
void rsi_dict_inverse_note(size_t count, uint8_t note[RSI_DICT_INVERSE_NOTE]);

/* The dense number of `id` in `part`, or RS_NO_NODE. */
RS_MUST_USE rs_status rsi_dict_find(const rsi_dict_part *part, rsi_dict_block *block, rs_text id,
                                    uint32_t *node, rs_error *err);

#endif
