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
    if (status == RS_OK || err == NULL) {
        return status;
    }
    char cause[sizeof err->message];
    char context[sizeof err->message];
    va_list args;
    va_start(args, format);
    vsnprintf(context, sizeof context, format, args);
    va_end(args);
    memcpy(cause, err->message, sizeof cause);
    cause[sizeof cause - 1] = '\0';
    /* Where both do not fit the context is cut, never the cause. */
    size_t room = sizeof err->message - 3 - strnlen(cause, sizeof cause - 3);
    snprintf(err->message, sizeof err->message, "%.*s: %s", (int)(room < sizeof context ? room : sizeof context - 1),
             context, cause);
    return status;
}
