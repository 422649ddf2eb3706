/* ingest.h - files of rows, by a mapping, into one new batch of a store.
 *
 * All or nothing: a failure or an interruption leaves the store as it was (and a store that the
 * call made is removed again).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RINGSCOPE_INGEST_H
#define RINGSCOPE_INGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "work.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rs_ingest_options {
    const char *mapping; /* path of the mapping, JSON */
    const char *batch;   /* name of the batch; NULL: a digest of its rows */
    const char *rejects; /* path for bad rows; NULL: the first bad row fails the batch */
    int64_t time_max;    /* later events are bad rows; INT64_MAX: none are */
    bool keep_rows;      /* remember file and line of every relation */
    size_t file_count;
    const char *const *files; /* paths or patterns; "-" is standard input */
} rs_ingest_options;
#define RS_INGEST_DEFAULTS                                                                         \
    {                                                                                              \
        .time_max = INT64_MAX                                                                      \
    }

typedef struct rs_ingest_result {
    uint64_t row_count; /* rows read, header lines not counted */
    uint64_t rejected_count;
    uint64_t edge_count;    /* relations committed */
    uint64_t dropped_count; /* events whose mapping key was in the store already */
    bool unchanged;         /* the batch was there already, with the same content */
    bool subjects_added;    /* then: its mapping's "subjects" has types that were none before */
    char batch[256];        /* the name it has in the store */
} rs_ingest_result;

/* Ingest; makes the store where there is none. RS_EUSAGE (mapping, no file matches a source, the
 * batch name is taken by other content), RS_EINPUT (a bad row, with file:line:column), RS_ELOCKED,
 * RS_EIO, RS_ECORRUPT, RS_ENOMEM, RS_EINTERRUPTED. */
RS_API RS_MUST_USE rs_status rs_ingest(const char *store_path, const rs_ingest_options *options,
                                       const rs_work *work, rs_ingest_result *result,
                                       rs_error *err);

/* Look at files through a mapping without a store. Returns a JSON document (docs/PROFILE.md) that
 * the caller frees with free(). Bad rows are part of the answer, not a failure. */
RS_API RS_MUST_USE rs_status rs_ingest_profile(const rs_ingest_options *options,
                                               const rs_work *work, char **json, rs_error *err);

#ifdef __cplusplus
}
#endif
#endif
