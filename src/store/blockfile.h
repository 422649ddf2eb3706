/* blockfile.h - the container of every data file of a store: blocks, an index over them, checksums.
 *
 *   file = [ header 32 ][ block ]...[ index ][ footer 40 ]        docs/FORMAT.md
 *
 * Invariant: every byte of a file is covered by a checksum that the reader checks before it uses
 * the byte. Each checksum is seeded with the file's identity (and a block's with its number), so a
 * block of another file, of another place or of an older state of the file is found as well.
 * Threads: a reader may be shared; a writer belongs to one thread at a time.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_STORE_BLOCKFILE_H
#define RSI_STORE_BLOCKFILE_H

#include "base/bytes.h"
#include "base/hash.h"

#define RSI_FILE_NAME_MAX   64                   /* bytes of a data file's name, NUL included */
#define RSI_BLOCK_BYTES_MAX ((uint32_t)64 << 20) /* of one stored block */
#define RSI_INDEX_BYTES_MAX ((uint64_t)4 << 30)
#define RSI_NOTE_BYTES_MAX  ((size_t)8192)

/* The number of an invariant at the head of a message (docs/FORMAT.md), for damage only. */
#define RSI_INVARIANT(status, id) ((status) == RS_ECORRUPT ? id ": " : "")

typedef enum rsi_file_kind {
    RSI_FILE_DICTIONARY,
    RSI_FILE_SEGMENT,
    RSI_FILE_ATTRIBUTE,
    RSI_FILE_ROWS,
    RSI_FILE_REVERSE,   /* a segment by target, structure only; since version 2 */
    RSI_FILE_PAGES = 16 /* what a run keeps beside its report; no manifest names it */
} rsi_file_kind;
#define RSI_FILE_KIND_COUNT 5 /* that a manifest may name */
#define RSI_FILE_KINDS_V1   4

/* "dictionary", "segment", "attribute", "rows", "reverse"; in the manifest and in messages. */
const char *rsi_file_kind_name(rsi_file_kind kind);

/* What the manifest says of a file. */
typedef struct rsi_file_ref {
    char name[RSI_FILE_NAME_MAX];
    rsi_file_kind kind;
    uint64_t identity; /* from rsi_file_identity */
    uint64_t bytes;
    rsi_hash128 digest; /* XXH3-128 of all its bytes */
} rsi_file_ref;

/* What makes a file itself: the content and the number of its batch, and its name. */
uint64_t rsi_file_identity(rsi_hash128 batch_digest, uint64_t sequence, const char *name);

/* ---- reading ------------------------------------------------------------------------------ */

typedef struct rsi_block_entry {
    uint64_t offset;
    uint64_t checksum;
    uint32_t length;
    uint32_t note_length;
    const uint8_t *note; /* what the kind of file keeps about the block */
} rsi_block_entry;

typedef struct rsi_blockfile {
    int descriptor; /* -1: closed, or resting */
    int directory;  /* where a resting file is opened again; -1: it does not rest */
    rsi_file_ref ref;
    uint8_t *index; /* as on disk; notes and `meta` point into it */
    const uint8_t *meta;
    uint32_t meta_length;
    size_t block_count;
    rsi_block_entry *blocks;
} rsi_blockfile;

/* Open the file that `ref` describes in `directory`; checks header, footer, size and index, not the
 * blocks. On failure *file is closed. RS_EIO, RS_ECORRUPT, RS_ENOMEM; all name the file. */
RS_MUST_USE rs_status rsi_blockfile_open(rsi_blockfile *file, int directory,
                                         const rsi_file_ref *ref, rs_error *err);
/* The same for a file that is open already; the descriptor is the file's from now on, on failure
 * too. */
RS_MUST_USE rs_status rsi_blockfile_adopt(rsi_blockfile *file, int descriptor,
                                          const rsi_file_ref *ref, rs_error *err);
void rsi_blockfile_close(rsi_blockfile *file);
/* Give the descriptor back; each read then opens the file for itself in `directory`. */
void rsi_blockfile_rest(rsi_blockfile *file, int directory);
/* Block `number` into `buffer` (replaced), its checksum checked. */
RS_MUST_USE rs_status rsi_blockfile_read(const rsi_blockfile *file, size_t number,
                                         rsi_buffer *buffer, rs_error *err);
/* `length` bytes from `offset` of block `number` on, their checksum not looked at. RS_ECORRUPT
 * where the block has no such bytes. */
RS_MUST_USE rs_status rsi_blockfile_peek(const rsi_blockfile *file, size_t number, uint32_t offset,
                                         void *bytes, size_t length, rs_error *err);
/* Read all of the file and compare its digest with the manifest's. */
RS_MUST_USE rs_status rsi_blockfile_check_digest(const rsi_blockfile *file, rs_error *err);

/* ---- writing ------------------------------------------------------------------------------ */

typedef struct rsi_blockwriter rsi_blockwriter;

/* Make a new file `ref->name`; an old one of that name is a fault of the caller. */
RS_MUST_USE rs_status rsi_blockwriter_open(rsi_blockwriter **out, int directory, const char *name,
                                           rsi_file_kind kind, uint64_t identity, rs_error *err);
RS_MUST_USE rs_status rsi_blockwriter_add(rsi_blockwriter *writer, const void *bytes, size_t length,
                                          const void *note, size_t note_length, rs_error *err);
/* Index and footer; *ref then describes the file. The bytes are on their way to the disk, not yet
 * safe there: rsi_blockwriter_sync waits for that. */
RS_MUST_USE rs_status rsi_blockwriter_finish(rsi_blockwriter *writer, const void *meta,
                                             size_t meta_length, rsi_file_ref *ref, rs_error *err);
RS_MUST_USE rs_status rsi_blockwriter_sync(rsi_blockwriter *writer, rs_error *err);
void rsi_blockwriter_close(rsi_blockwriter *writer);

#endif
