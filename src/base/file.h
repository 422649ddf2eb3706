/* file.h - whole files: read at once, written at once, and put in place of another by a rename.
 *
 * Life     rsi_newfile_open -> writes -> rsi_newfile_sync -> rsi_newfile_publish; rsi_newfile_close
 *          without the last leaves what was there before
 * Place    a symbolic link is followed, so that what it points to is replaced and not the link;
 * what is there and is no plain file (a device, a pipe) is written to as it is; a folder is
 *          refused; "-" is standard output
 * Mode     0666 less the umask, as the shell does it
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_BASE_FILE_H
#define RSI_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "ringscope/error.h"

/* All of them, behind what was written before. RS_EIO. */
RS_MUST_USE rs_status rsi_write_all(int file, const void *bytes, size_t length, rs_error *err);
/* What is left of an open file, behind what `text` holds, which gets no longer than `most`. RS_EIO,
 * RS_ENOMEM, RS_ECORRUPT (there is more). */
RS_MUST_USE rs_status rsi_read_all(int file, size_t most, rsi_buffer *text, rs_error *err);
/* The plain file `name` of `folder` (or AT_FDCWD), no link. Also RS_ENOTFOUND. */
RS_MUST_USE rs_status rsi_read_file(int folder, const char *name, size_t most, rsi_buffer *text,
                                    rs_error *err);
/* All of the file, or of the pipe, that a user named. RS_EUSAGE (none there, a folder, more than
 * `most` bytes), RS_EIO, RS_ENOMEM; each names the path. */
RS_MUST_USE rs_status rsi_read_named(const char *path, size_t most, rsi_buffer *text,
                                     rs_error *err);
/* Bytes or names that were written are lasting after this. RS_EIO. */
RS_MUST_USE rs_status rsi_sync(int file, rs_error *err);
RS_MUST_USE rs_status rsi_sync_folder(const char *path, rs_error *err);
/* Nothing may be in the folder `path`. RS_EUSAGE (there is, or it is no folder), RS_EIO. */
RS_MUST_USE rs_status rsi_check_empty(const char *path, rs_error *err);
/* Put a file of these bytes in the place of `name`: written as `temporary`, synced, renamed, the
 * folder synced. *published: the name stands for it, whatever failed after. RS_EIO. */
RS_MUST_USE rs_status rsi_replace(int folder, const char *temporary, const char *name,
                                  const rsi_buffer *text, bool *published, rs_error *err);

typedef struct rsi_newfile {
    int file;
    char *path;  /* where it ends up, links followed; never NULL while open */
    char *other; /* where it stands meanwhile; NULL: written in place */
    bool renamed;
} rsi_newfile;
#define RSI_NO_NEWFILE                                                                             \
    {                                                                                              \
        .file = -1                                                                                 \
    }

/* RS_EIO, RS_ENOMEM, RS_EUSAGE (a folder). The message is without the path. */
RS_MUST_USE rs_status rsi_newfile_open(rsi_newfile *file, const char *path, rs_error *err);
/* Sync what was written. RS_EIO. */
RS_MUST_USE rs_status rsi_newfile_sync(const rsi_newfile *file, rs_error *err);
/* Rename what was synced, and sync the folder: from here on it is there, and lasting. RS_EIO. */
RS_MUST_USE rs_status rsi_newfile_publish(rsi_newfile *file, rs_error *err);
/* RSI_NO_NEWFILE is fine. */
void rsi_newfile_close(rsi_newfile *file);

#endif
