/* width.h - how many columns of a terminal a text takes, and cutting it to fit.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_CLI_WIDTH_H
#define RSI_CLI_WIDTH_H

#include <stddef.h>

#include "ringscope/text.h"

/* Columns of valid UTF-8 without control characters: two for a wide character, none for a mark that
 * joins the one before. */
size_t rsi_columns(rs_text text);
/* The longest head of `text` of at most `columns` columns, whole characters with their marks. */
rs_text rsi_cut(rs_text text, size_t columns);

#endif
