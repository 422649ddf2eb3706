/* out.h - a file that comes into being whole or not at all, and the texts that go into it.
 *
 * Life     rsi_out_open -> puts -> rsi_out_commit (sync, rename, sync the folder); rsi_out_close
 *          without a commit leaves what was there before
 * Failure  the first failed write is kept; later puts do nothing and commit reports it, so that
 *          the many puts of a report need no check each. Long loops ask rsi_out_check.
 * Devices  what is there and is no plain file (/dev/stdout, a pipe) is written to as it is
 * Parts    what several threads make goes into memory (rsi_out_open_part), and from there, in
 * order, into the file (rsi_out_add_part) Memory   64 KiB; a part as much as is in it
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_REPORT_OUT_H
#define RSI_REPORT_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/hash.h"
#include "ringscope/error.h"
#include "ringscope/text.h"

/* Room for what comes next; all else is known to out.c alone. */
typedef struct rsi_out {
    char *at;
    char *end;
} rsi_out;

/* Open `path` for writing. RS_EIO, RS_ENOMEM. */
RS_MUST_USE rs_status rsi_out_open(rsi_out **out, const char *path, rs_error *err);
/* A part, of no file. It must not be committed. RS_ENOMEM. */
RS_MUST_USE rs_status rsi_out_open_part(rsi_out **part, rs_error *err);
/* Put all of the part, and leave it empty. */
void rsi_out_add_part(rsi_out *out, rsi_out *part);
/* The first failure so far, or RS_OK. */
RS_MUST_USE rs_status rsi_out_check(rsi_out *out, rs_error *err);
/* Publish. The handle stays to be closed. RS_EIO. */
RS_MUST_USE rs_status rsi_out_commit(rsi_out *out, rs_error *err);
/* NULL is fine. */
void rsi_out_close(rsi_out *out);

uint64_t rsi_out_written(const rsi_out *out); /* bytes so far */
/* XXH3-128 of all bytes, once committed. */
rsi_hash128 rsi_out_digest(const rsi_out *out);
/* The same of what has been put so far. */
rsi_hash128 rsi_out_digest_so_far(rsi_out *out);

/* All that is left of an open file, by the system where it can copy (no byte passes through this
 * process then, and the digest does not cover it). False: nothing was copied, do it by hand. */
bool rsi_out_file(rsi_out *out, int from);
/* Where there is no room. */
void rsi_out_bytes_beyond(rsi_out *out, const char *bytes, size_t length);
static inline void rsi_out_bytes(rsi_out *out, const char *bytes, size_t length)
{
    if (length <= (size_t)(out->end - out->at)) {
        memcpy(out->at, bytes, length);
        out->at += length;
    } else {
        rsi_out_bytes_beyond(out, bytes, length);
    }
}
/* As it stands; inlined, so that the length of a literal is a constant. */
static inline void rsi_out_string(rsi_out *out, const char *string)
{
    rsi_out_bytes(out, string, strlen(string));
}
void rsi_out_count(rsi_out *out, uint64_t number);
void rsi_out_millionths(rsi_out *out, uint32_t millionths); /* "0.930000" */
/* The same into `to`, which has room for RSI_MILLIONTHS_MAX bytes; returns what is behind it. */
#define RSI_MILLIONTHS_MAX 11
char *rsi_put_millionths(char *to, uint32_t millionths);
/* UTC seconds as "2026-03-01T00:00:00Z", or the day alone; no quotes. */
void rsi_out_time(rsi_out *out, int64_t unix_s);
void rsi_out_date(rsi_out *out, int64_t unix_s);
/* A JSON string with its quotes. Pure ASCII control characters, and what would turn or break the
 * line for a reader (C1, line and paragraph separators, marks of direction), are escaped; bytes
 * that are not UTF-8 become U+FFFD each. */
void rsi_out_json(rsi_out *out, rs_text text);
void rsi_out_json_string(rsi_out *out, const char *string);
/* The same without the quotes, to build a string from pieces. */
void rsi_out_json_part(rsi_out *out, rs_text text);
/* A field of RFC 4180: in quotes where it has to be; bytes are kept as they are. */
void rsi_out_csv(rsi_out *out, rs_text text);

#endif
