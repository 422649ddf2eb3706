/* error.h - how every call of the library fails.
 *
 * A fallible call returns an rs_status, RS_OK or negative, and fills the caller's rs_error with a
 * message that says what, where and why. There is no global and no "last error".
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RINGSCOPE_ERROR_H
#define RINGSCOPE_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define RS_API                __attribute__((visibility("default")))
#define RS_MUST_USE           __attribute__((warn_unused_result))
#define RS_PRINTF(form, rest) __attribute__((format(printf, form, rest)))
#else
#define RS_API
#define RS_MUST_USE
#define RS_PRINTF(form, rest)
#endif

typedef enum rs_status {
    RS_OK = 0,
    RS_EUSAGE = -1,       /* an option, a setting or an argument that cannot be */
    RS_EINPUT = -2,       /* input data: the message gives file:line:column */
    RS_EIO = -3,          /* the system refused: open, read, write, sync, fork */
    RS_ENOMEM = -4,       /* out of memory, or over the budget */
    RS_ECORRUPT = -5,     /* a store that is damaged, foreign or of a newer version */
    RS_ELOCKED = -6,      /* another process writes to the store */
    RS_EINTERRUPTED = -7, /* the caller's progress function asked to stop */
    RS_ENOTFOUND = -8     /* no such store, ring, type or id */
} rs_status;

/* Owned by the caller; `message` is empty until a call fails. One line, UTF-8, without a full stop.
 */
typedef struct rs_error {
    rs_status status;
    char message[1000];
} rs_error;

/* Record a failure and return its status: `return rs_fail(err, RS_EIO, ...)`. `err` may be NULL. */
RS_API RS_PRINTF(3, 4) rs_status rs_fail(rs_error *err, rs_status status, const char *format, ...);

/* Prepend "<context>: " when `status` is a failure; return `status` unchanged. */
RS_API RS_PRINTF(3, 4) rs_status
    rs_context(rs_error *err, rs_status status, const char *format, ...);

#ifdef __cplusplus
}
#endif
#endif
