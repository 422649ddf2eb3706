/* json.h - a strict reader of RFC 8259, token by token.
 *
 * Accepts what the grammar accepts and nothing else; beyond the grammar it rejects what two readers
 * could take in two ways: a key twice in one object, a lone surrogate, invalid UTF-8, a byte order
 * mark, and more than RSI_JSON_DEPTH_MAX levels. Numbers stay text, so that every digit survives;
 * strings come without their escapes, U+0000 too.
 *
 * Life     rsi_json_new -> (rsi_json_start -> rsi_json_next until END or BAD)* -> rsi_json_free
 * Memory   the keys of one document, and its length again once a string has an escape
 * Trust    any bytes may come
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_BASE_JSON_H
#define RSI_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "ringscope/error.h"
#include "ringscope/text.h"

#define RSI_JSON_DEPTH_MAX 512

typedef enum rsi_json_token {
    RSI_JSON_END, /* the document is whole */
    RSI_JSON_BAD, /* rsi_json_problem and rsi_json_offset tell; every later call says the same */
    RSI_JSON_OBJECT,
    RSI_JSON_OBJECT_END,
    RSI_JSON_ARRAY,
    RSI_JSON_ARRAY_END,
    RSI_JSON_KEY,
    RSI_JSON_STRING,
    RSI_JSON_NUMBER,
    RSI_JSON_TRUE,
    RSI_JSON_FALSE,
    RSI_JSON_NULL
} rsi_json_token;

typedef struct rsi_json rsi_json;

RS_MUST_USE rs_status rsi_json_new(rsi_json **out, rs_error *err);
void rsi_json_free(rsi_json *json);
/* Start on a document, lent until the next start. */
void rsi_json_start(rsi_json *json, const char *bytes, size_t length);
/* The next token. `text` is that of a key, string or number, lent until the next start. */
rsi_json_token rsi_json_next(rsi_json *json, rs_text *text);
/* Read over the value whose token was just returned: to the end of an object or array. False where
 * the document is bad. */
bool rsi_json_skip(rsi_json *json, rsi_json_token token);

const char *rsi_json_problem(const rsi_json *json); /* a constant text without place */
bool rsi_json_no_memory(const rsi_json *json);      /* BAD because memory gave out */
size_t rsi_json_offset(const rsi_json *json);       /* of the token or of the problem */
/* The same as line and column, from 1, the column in bytes. O(offset). */
void rsi_json_place(const rsi_json *json, size_t *line, size_t *column);

/* "a string", "an object", ...: for messages. */
const char *rsi_json_token_name(rsi_json_token token);

/* Whether the whole document is valid; otherwise RS_EINPUT with "name:line:column: what", column in
 * bytes. */
RS_MUST_USE rs_status rsi_json_check(const char *name, const char *bytes, size_t length,
                                     rs_error *err);

#endif
