/* rescue.h - a second copy of a store, and what is whole of a damaged one.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RINGSCOPE_RESCUE_H
#define RINGSCOPE_RESCUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "verify.h"
#include "work.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rs_backup_options {
    bool copy; /* never link: the copy shares no byte on disk with the store */
} rs_backup_options;

typedef struct rs_backup_result {
    uint64_t file_count; /* of the snapshot */
    uint64_t run_count;
    uint64_t bytes;        /* of all files */
    uint64_t copied_bytes; /* of those that could not be linked, or were not to be */
    char digest[33];       /* of the snapshot: rs_store_digest of either */
} rs_backup_result;

/* Make `to` a store that holds what `path` holds at one moment, its runs included, while others
 * write. Files are hard links where the file system can, else synced copies; each is read and held
 * against its digest. `to` must not be there, or be an empty directory; on failure it is as it was.
 * RS_EUSAGE (`to` is something), RS_ENOTFOUND, RS_ECORRUPT (the store is damaged), RS_EIO,
 * RS_ENOMEM, RS_EINTERRUPTED. Cost: every byte read once, copies written once. */
RS_API RS_MUST_USE rs_status rs_backup(const char *path, const char *to,
                                       const rs_backup_options *options, const rs_work *work,
                                       rs_backup_result *result, rs_error *err);

/* What became of one part of a store: a relation, a type, an attribute. */
typedef struct rs_salvaged {
    char *name; /* a relation with its types and currency, where its name alone does not tell */
    uint64_t had;
    uint64_t lost; /* unreadable, or relations and values of which an id is */
} rs_salvaged;

typedef struct rs_salvaged_list {
    size_t count;
    rs_salvaged *items;
} rs_salvaged_list;

typedef struct rs_salvage_result {
    rs_salvaged_list batches;    /* relations by batch; a batch that was merged is in its home */
    rs_salvaged_list relations;  /* relations */
    rs_salvaged_list types;      /* ids */
    rs_salvaged_list attributes; /* values */
    uint64_t unplaced_count;     /* relations that are whole, but whose input line is lost */
    uint64_t key_lost_count;     /* event keys that cannot be read */
    uint64_t key_left_count;     /* and those that no relation was left to go with */
    bool whole;                  /* nothing is lost, and nothing was damaged */
} rs_salvage_result;
RS_API void rs_salvage_free(rs_salvage_result *result);

/* Bring out of the store at `path`, which may be damaged, all that is whole into a new store `to`:
 * every block of relations, ids and values that can be read. A relation or value that names an id
 * that is lost is lost: no name is invented. Adds to `list` what is wrong with the old store. The
 * batches keep their names; the content digest of one that is whole is what it was, unless it had
 * event keys or others merged into it. `to` must not be there, or be empty; on failure it may hold
 * the first batches. Runs are not brought along: rs_runs_salvage does.
 * RS_ECORRUPT where there is no manifest to go by: then nothing can be brought out. RS_ENOTFOUND,
 * RS_EUSAGE, RS_EIO, RS_ENOMEM. Memory: all ids, and what one batch of the new store takes. */
RS_API RS_MUST_USE rs_status rs_salvage(const char *path, const char *to, const rs_work *work,
                                        rs_violations *list, rs_salvage_result *result,
                                        rs_error *err);

/* Bring along the runs that are whole; counts those and the others. */
RS_API RS_MUST_USE rs_status rs_runs_salvage(const char *path, const char *to, const rs_work *work,
                                             uint64_t *run_count, uint64_t *lost_count,
                                             rs_error *err);

#ifdef __cplusplus
}
#endif
#endif
