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

#ifdef __cplusplus
}
#endif
#endif
