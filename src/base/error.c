/* error.c - messages that grow from the inside out: the cause last, so that it survives a cut.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ringscope/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

rs_status rs_fail(rs_error *err, rs_status status, const char *format, ...)
{
    if (err != NULL) {
        va_list args;
        va_start(args, format);
        err->status = status;
        vsnprintf(err->message, sizeof err->message, format, args);
        va_end(args);
    }
    return status;
}

rs_status rs_context(rs_error *err, rs_status status, const char *format, ...)
{
    static const char joint[] = ": ";
    enum { JOINT = sizeof joint - 1 };
    if (status == RS_OK || err == NULL) {
        return status;
    }
    char context[sizeof err->message];
    va_list args;
    va_start(args, format);
    vsnprintf(context, sizeof context, format, args);
    va_end(args);
    /* Where both do not fit the context is cut, and only then the end of the cause. */
    size_t cause = strnlen(err->message, sizeof err->message - 1 - JOINT);
    size_t room = sizeof err->message - 1 - JOINT - cause;
    size_t kept = strnlen(context, room);
    memmove(err->message + kept + JOINT, err->message, cause);
    memcpy(err->message, context, kept);
    memcpy(err->message + kept, joint, JOINT);
    err->message[kept + JOINT + cause] = '\0';
    return status;
}
