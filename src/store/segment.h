/* segment.h - the edges of one relation and one batch, sorted by (src, dst, time, amount), in
 * packed blocks of columns.
 *
 * A block holds up to 65,536 edges; a source that has several is stored once with their number.
 * Its note in the index holds the first edge, the last source and the number of edges, so that the
 * edges of one source are found without reading others. Layout, byte for byte: docs/FORMAT.md.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_STORE_SEGMENT_H
#define RSI_STORE_SEGMENT_H

#include "ringscope/store.h"
#include "store/blockfile.h"
#include "store/intcodec.h"

#define RSI_BLOCK_EDGES_MAX RSI_INTS_MAX

/* Which way a segment is sorted. In a backward one (a `reverse` file) what is called src is the
 * target of a relation and dst its source; each pair comes once, without columns. */
enum { RSI_FORWARD = 0, RSI_BACKWARD = 1 };

/* Columns of one block. `time`, `amount` and `precision_s` are NULL where no edge has one. */
typedef struct rsi_edge_columns {
    size_t count; /* 1 to RSI_BLOCK_EDGES_MAX */
    const uint32_t *src;
    const uint32_t *dst;
    const int64_t *time;
    const int64_t *amount;
    const uint32_t *precision_s;
    uint32_t dst_max; /* of a decoder */
} rsi_edge_columns;

typedef struct rsi_segment_note {
    uint32_t edge_count;
    uint32_t first_src;
    uint32_t first_dst;
    uint32_t last_src;
} rsi_segment_note;
enum { RSI_SEGMENT_NOTE_BYTES = 16 };

/* What a segment's meta holds. */
typedef struct rsi_segment_meta {
    uint32_t direction;
    uint64_t edge_count;
    int64_t time_min; /* RS_NO_TIME: none */
    int64_t time_max;
} rsi_segment_meta;
enum { RSI_SEGMENT_META_BYTES = 32 };

/* Scratch of an encoder or decoder; belongs to one thread. */
typedef struct rsi_segment_coder rsi_segment_coder;
RS_MUST_USE rs_status rsi_segment_coder_new(rsi_segment_coder **out, rs_error *err);
void rsi_segment_coder_free(rsi_segment_coder *coder);

/* Append the block of sorted edges to `out`; fill its note. */
RS_MUST_USE rs_status rsi_segment_encode(rsi_segment_coder *coder, const rsi_edge_columns *edges,
                                         rsi_buffer *out, uint8_t note[RSI_SEGMENT_NOTE_BYTES],
                                         rs_error *err);

/* Unpack a block by its note; `edges` then lends the coder's arrays, valid until it decodes again.
 * `columns` is of RS_SCAN_TIME, RS_SCAN_AMOUNT; what is not wanted is NULL. The bytes may be
 * hostile: on RS_OK the edges are sorted, sources and destinations below their node counts. */
RS_MUST_USE rs_status rsi_segment_decode(rsi_segment_coder *coder, const uint8_t *bytes,
                                         size_t length, const rsi_segment_note *note,
                                         unsigned columns, rsi_edge_columns *edges, rs_error *err);

/* From a meta whose length is right. */
rsi_segment_meta rsi_segment_meta_load(const uint8_t *bytes);
void rsi_segment_meta_store(const rsi_segment_meta *meta, uint8_t bytes[RSI_SEGMENT_META_BYTES]);
/* Check meta and notes of an opened segment; RS_ECORRUPT. */
RS_MUST_USE rs_status rsi_segment_check(const rsi_blockfile *file, rsi_segment_meta *meta,
                                        rs_error *err);
rsi_segment_note rsi_segment_note_load(const uint8_t *bytes);

/* What a block is made of, from its heads alone: nothing is unpacked, no checksum is looked at. */
typedef struct rsi_segment_shape {
    unsigned columns;         /* RSI_HAS_... */
    uint64_t structure_bytes; /* heads of the block and columns src, degree, head, gap */
    uint64_t time_bytes;      /* precision too */
    uint64_t amount_bytes;
} rsi_segment_shape;
enum { RSI_HAS_TIME = 1, RSI_HAS_AMOUNT = 2, RSI_HAS_PRECISION = 4 };
RS_MUST_USE rs_status rsi_segment_look(const rsi_blockfile *file, size_t block,
                                       rsi_segment_shape *shape, rs_error *err);

#endif
