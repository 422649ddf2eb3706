/* copytext.c - cut at tabs, undo backslashes. Rows without a backslash, which are most, cost a
 * memchr a field and no copy.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "db/copytext.h"

#include <stdbool.h>
#include <string.h>

static char unescape_one(char escaped)
{
    static const char names[] = "bfnrtv";
    static const char values[] = "\b\f\n\r\t\v";
    const char *found = escaped == '\0' ? NULL : strchr(names, escaped);
    return found == NULL ? escaped : values[found - names];
}

/* Never longer than what it was made from. A backslash at the very end stands for itself. */
static size_t unescape(const char *bytes, size_t length, char *out)
{
    size_t made = 0;
    for (size_t i = 0; i < length; i++) {
        bool escape = bytes[i] == '\\' && i + 1 < length;
        out[made++] = escape ? unescape_one(bytes[++i]) : bytes[i];
    }
    return made;
}

static rs_text read_field(const char *bytes, size_t length, char *unescaped, size_t *used)
{
    if (length == 2 && bytes[0] == '\\' && bytes[1] == 'N') {
        return (rs_text){"", 0};
    }
    if (length == 0 || memchr(bytes, '\\', length) == NULL) {
        return (rs_text){bytes, length};
    }
    rs_text field = {unescaped + *used, unescape(bytes, length, unescaped + *used)};
    *used += field.length;
    return field;
}

size_t rsi_copytext_split(const char *row, size_t length, rs_text *fields, size_t capacity,
                          char *unescaped, size_t *used)
{
    size_t count = 0;
    size_t at = 0;
    for (;;) {
        const char *tab = at < length ? memchr(row + at, '\t', length - at) : NULL;
        size_t end = tab == NULL ? length : (size_t)(tab - row);
        if (count < capacity) {
            fields[count] = read_field(row + at, end - at, unescaped, used);
        }
        count++;
        if (tab == NULL) {
            return count;
        }
        at = end + 1;
    }
}
