/* text.h - bytes with a length, the form in which ids travel: UTF-8, not NUL-terminated, any bytes
 * (U+0000 too) kept as they came.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RINGSCOPE_TEXT_H
#define RINGSCOPE_TEXT_H

#include <stddef.h>

typedef struct rs_text {
    const char *bytes;
    size_t length;
} rs_text;

#endif
