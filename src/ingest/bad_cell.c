/* bad_cell.c - the reason of a bad row: which column, what stood there, what is wrong with it. The
 * value is shown so that it cannot disturb a terminal or a log.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "ingest/rows.h"

enum { SHOWN_BYTES = 60 };

/* Bytes of the character at `at`; 0 where it is not valid UTF-8. */
static size_t character(const char *at, size_t left)
{
    for (size_t length = 1; length <= 4 && length <= left; length++) {
        if (rsi_utf8_valid(at, length) == length) {
            return length;
        }
    }
    return 0;
}

/* `text` for a message: control characters and what is not UTF-8 as \xHH, cut to what fits. */
static void printable(rs_text text, char *out, size_t capacity)
{
    size_t used = 0;
    for (size_t at = 0; at < text.length && used + 8 < capacity;) {
        unsigned char c = (unsigned char)text.bytes[at];
        size_t length = character(text.bytes + at, text.length - at);
        if (length == 0 || c < 0x20 || c == 0x7F) {
            used += (size_t)snprintf(out + used, capacity - used, "\\x%02X", c);
            at++;
            continue;
        }
        memcpy(out + used, text.bytes + at, length);
        used += length;
        at += length;
    }
    out[used] = '\0';
}

void rsi_bad_cell_set(rsi_bad_cell *bad, const rsi_source *source, size_t slot, rs_text value,
                      const char *what)
{
    char shown[SHOWN_BYTES + 8];
    char column[SHOWN_BYTES + 8];
    rs_text name = {source->columns[slot], strlen(source->columns[slot])};
    rs_text head = {value.bytes, value.length < SHOWN_BYTES ? value.length : SHOWN_BYTES};
    printable(head, shown, sizeof shown);
    printable(name, column, sizeof column);
    bad->slot = slot;
    snprintf(bad->reason, sizeof bad->reason, "column \"%s\": \"%s%s\" %s", column, shown,
             value.length > SHOWN_BYTES ? "..." : "", what);
}
