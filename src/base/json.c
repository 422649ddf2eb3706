/* json.c - the reader: a stack of open brackets and what may come next.
 *
 * Keys of all open and closed objects of a document stand in one hash table, told apart by their
 * object's serial number; so a duplicate is found in O(1) whatever the nesting.
 * Cost: O(length).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/json.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/utf8.h"

typedef enum expected {
    A_VALUE,
    VALUE_OR_END, /* behind [ */
    KEY_OR_END,   /* behind { */
    COMMA_OR_END,
    NOTHING /* the document's value is complete */
} expected;

typedef struct seen_key {
    uint64_t hash;   /* of the text, seeded with the object */
    uint64_t object; /* 0: free */
    rs_text text;
} seen_key;

struct rsi_json {
    const char *bytes;
    size_t length;
    size_t at;
    size_t token_at;
    expected expected;
    const char *problem;
    bool no_memory;
    size_t depth;
    bool is_object[RSI_JSON_DEPTH_MAX];
    uint64_t object[RSI_JSON_DEPTH_MAX]; /* serial number of the object at each level */
    uint64_t object_count;
    seen_key *keys; /* open addressing, a power of two, at most half full */
    size_t key_capacity;
    size_t key_count;
    char *undone; /* strings without their escapes; as long as the longest document */
    size_t undone_length;
    size_t undone_capacity;
};

enum { FIRST_KEYS = 64, KEYS_KEPT = 1024 };

rs_status rsi_json_new(rsi_json **out, rs_error *err)
{
    rsi_json *json = calloc(1, sizeof *json);
    if (json == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (JSON reader)");
    }
    rsi_json_start(json, "", 0);
    *out = json;
    return RS_OK;
}

void rsi_json_free(rsi_json *json)
{
    if (json != NULL) {
        free(json->keys);
        free(json->undone);
        free(json);
    }
}

void rsi_json_start(rsi_json *json, const char *bytes, size_t length)
{
    json->bytes = bytes;
    json->length = length;
    json->at = 0;
    json->token_at = 0;
    json->expected = A_VALUE;
    json->problem = NULL;
    json->no_memory = false;
    json->depth = 0;
    json->object_count = 0;
    json->undone_length = 0;
    if (json->key_capacity >
        KEYS_KEPT) { /* one large document must not slow down all that follow */
        free(json->keys);
        json->keys = NULL;
        json->key_capacity = 0;
    } else if (json->key_count > 0) {
        memset(json->keys, 0, json->key_capacity * sizeof *json->keys);
    }
    json->key_count = 0;
}

const char *rsi_json_problem(const rsi_json *json)
{
    return json->problem;
}

bool rsi_json_no_memory(const rsi_json *json)
{
    return json->no_memory;
}

size_t rsi_json_offset(const rsi_json *json)
{
    return json->token_at;
}

void rsi_json_place(const rsi_json *json, size_t *line, size_t *column)
{
    *line = 1;
    *column = 1;
    for (size_t i = 0; i < json->token_at; i++) {
        *column = json->bytes[i] == '\n' ? 1 : *column + 1;
        *line += json->bytes[i] == '\n';
    }
}

const char *rsi_json_token_name(rsi_json_token token)
{
    static const char *const names[] = {
        [RSI_JSON_END] = "the end",      [RSI_JSON_BAD] = "bad JSON",
        [RSI_JSON_OBJECT] = "an object", [RSI_JSON_OBJECT_END] = "the end of an object",
        [RSI_JSON_ARRAY] = "an array",   [RSI_JSON_ARRAY_END] = "the end of an array",
        [RSI_JSON_KEY] = "a key",        [RSI_JSON_STRING] = "a string",
        [RSI_JSON_NUMBER] = "a number",  [RSI_JSON_TRUE] = "true",
        [RSI_JSON_FALSE] = "false",      [RSI_JSON_NULL] = "null",
    };
    return names[token];
}

static rsi_json_token bad(rsi_json *json, size_t at, const char *problem)
{
    json->problem = problem;
    json->token_at = at;
    return RSI_JSON_BAD;
}

static rsi_json_token out_of_memory(rsi_json *json)
{
    json->no_memory = true;
    return bad(json, json->at, "out of memory (JSON reader)");
}

static void skip_blanks(rsi_json *json)
{
    while (json->at < json->length) {
        char c = json->bytes[json->at];
        if (c != ' ' && c != '\t' && c != '\n' && c != '\r') {
            break;
        }
        json->at++;
    }
}

/* The byte at hand, or -1 at the end. */
static int peek(const rsi_json *json)
{
    return json->at < json->length ? (unsigned char)json->bytes[json->at] : -1;
}

/* ---- keys -------------------------------------------------------------------------------------
 */

static seen_key *key_slot(seen_key *keys, size_t capacity, uint64_t hash, uint64_t object,
                          rs_text text)
{
    size_t i = (size_t)hash & (capacity - 1);
    while (keys[i].object != 0) {
        if (keys[i].hash == hash && keys[i].object == object &&
            keys[i].text.length == text.length &&
            memcmp(keys[i].text.bytes, text.bytes, text.length) == 0) {
            break;
        }
        i = (i + 1) & (capacity - 1);
    }
    return &keys[i];
}

static bool grow_keys(rsi_json *json)
{
    size_t capacity = json->key_capacity == 0 ? FIRST_KEYS : json->key_capacity * 2;
    seen_key *keys = calloc(capacity, sizeof *keys);
    if (keys == NULL) {
        return false;
    }
    for (size_t i = 0; i < json->key_capacity; i++) {
        seen_key *old = &json->keys[i];
        if (old->object != 0) {
            *key_slot(keys, capacity, old->hash, old->object, old->text) = *old;
        }
    }
    free(json->keys);
    json->keys = keys;
    json->key_capacity = capacity;
    return true;
}

/* Note the key of the innermost object; false, with the problem set, where it was there before. */
static bool note_key(rsi_json *json, rs_text text)
{
    if (json->key_count * 2 >= json->key_capacity && !grow_keys(json)) {
        (void)out_of_memory(json);
        return false;
    }
    uint64_t object = json->object[json->depth - 1];
    uint64_t hash = rsi_hash64(text.bytes, text.length, object);
    seen_key *slot = key_slot(json->keys, json->key_capacity, hash, object, text);
    if (slot->object != 0) {
        (void)bad(json, json->token_at, "key stands twice in this object");
        return false;
    }
    *slot = (seen_key){hash, object, text};
    json->key_count++;
    return true;
}

/* ---- strings ----------------------------------------------------------------------------------
 */

static bool four_hex(const rsi_json *json, size_t at, uint32_t *value)
{
    *value = 0;
    if (json->length - at < 4) {
        return false;
    }
    for (size_t i = at; i < at + 4; i++) {
        char c = json->bytes[i];
        uint32_t digit;
        if (c >= '0' && c <= '9') {
            digit = (uint32_t)(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            digit = (uint32_t)(c - 'a') + 10;
        } else if (c >= 'A' && c <= 'F') {
            digit = (uint32_t)(c - 'A') + 10;
        } else {
            return false;
        }
        *value = *value << 4 | digit;
    }
    return true;
}

/* \uXXXX, and the second half of a pair, behind the `u`. */
static bool unicode_escape(rsi_json *json, size_t *at, uint32_t *code)
{
    size_t start = *at - 2;
    if (!four_hex(json, *at, code)) {
        (void)bad(json, start, "\\u is not followed by four hexadecimal digits");
        return false;
    }
    *at += 4;
    if (*code < 0xD800 || *code > 0xDFFF) {
        return true;
    }
    uint32_t low = 0;
    if (*code > 0xDBFF || json->length - *at < 6 || json->bytes[*at] != '\\' ||
        json->bytes[*at + 1] != 'u' || !four_hex(json, *at + 2, &low) || low < 0xDC00 ||
        low > 0xDFFF) {
        (void)bad(json, start, "half of a surrogate pair");
        return false;
    }
    *code = 0x10000 + ((*code - 0xD800) << 10) + (low - 0xDC00);
    *at += 6;
    return true;
}

/* The escape behind the backslash at *at - 1, into `out`. */
static bool escape(rsi_json *json, size_t *at, char **out)
{
    static const char names[] = "\"\\/bfnrt";
    static const char meant[] = "\"\\/\b\f\n\r\t";
    if (*at == json->length) {
        (void)bad(json, json->token_at, "string is not closed");
        return false;
    }
    char c = json->bytes[(*at)++];
    if (c == 'u') {
        uint32_t code;
        if (!unicode_escape(json, at, &code)) {
            return false;
        }
        *out += rsi_utf8_encode(code, *out);
        return true;
    }
    const char *name = memchr(names, c, sizeof names - 1);
    if (name == NULL) {
        (void)bad(json, *at - 2, "escape that does not exist");
        return false;
    }
    *(*out)++ = meant[name - names];
    return true;
}

static bool room_for_undone(rsi_json *json)
{
    if (json->undone_capacity >= json->length) {
        return true;
    }
    char *grown = realloc(json->undone, json->length); /* nothing points into it yet */
    if (grown == NULL) {
        (void)out_of_memory(json);
        return false;
    }
    json->undone = grown;
    json->undone_capacity = json->length;
    return true;
}

/* From the opening quote's successor to behind the closing one; sets the problem where it fails. */
static bool read_string(rsi_json *json, rs_text *text)
{
    size_t from = json->at; /* copied up to here */
    size_t at = from;
    char *start = NULL;
    char *out = NULL;
    bool ascii = true;
    for (;; at++) {
        if (at == json->length) {
            (void)bad(json, json->token_at, "string is not closed");
            return false;
        }
        unsigned char c = (unsigned char)json->bytes[at];
        ascii = ascii && c < 0x80;
        if (c >= 0x20 && c != '"' && c != '\\') {
            continue;
        }
        if (c < 0x20) {
            (void)bad(json, at, "control character in a string");
            return false;
        }
        size_t valid = ascii ? at - from : rsi_utf8_valid(json->bytes + from, at - from);
        if (valid != at - from) {
            (void)bad(json, from + valid, "is not valid UTF-8");
            return false;
        }
        if (c == '"' && out == NULL) {
            *text = (rs_text){json->bytes + from, at - from};
            break;
        }
        if (out == NULL) {
            if (!room_for_undone(json)) {
                return false;
            }
            start = out = json->undone + json->undone_length;
        }
        memcpy(out, json->bytes + from, at - from);
        out += at - from;
        if (c == '"') {
            *text = (rs_text){start, (size_t)(out - start)};
            json->undone_length += text->length;
            break;
        }
        from = at + 1;
        if (!escape(json, &from, &out)) {
            return false;
        }
        at = from - 1;
        ascii = true;
    }
    json->at = at + 1;
    return true;
}

/* ---- numbers and words ------------------------------------------------------------------------
 */

static bool digits(rsi_json *json)
{
    size_t start = json->at;
    while (peek(json) >= '0' && peek(json) <= '9') {
        json->at++;
    }
    return json->at > start;
}

static rsi_json_token read_number(rsi_json *json, rs_text *text)
{
    size_t start = json->at;
    json->at += peek(json) == '-';
    size_t first = json->at;
    if (!digits(json)) {
        return bad(json, json->at, "expected a digit");
    }
    if (json->bytes[first] == '0' && json->at > first + 1) {
        return bad(json, start, "number with a leading zero");
    }
    if (peek(json) == '.') {
        json->at++;
        if (!digits(json)) {
            return bad(json, json->at, "expected a digit behind the point");
        }
    }
    if (peek(json) == 'e' || peek(json) == 'E') {
        json->at++;
        json->at += peek(json) == '+' || peek(json) == '-';
        if (!digits(json)) {
            return bad(json, json->at, "expected a digit in the exponent");
        }
    }
    *text = (rs_text){json->bytes + start, json->at - start};
    return RSI_JSON_NUMBER;
}

static rsi_json_token read_word(rsi_json *json)
{
    static const struct {
        const char *word;
        size_t length;
        rsi_json_token token;
    } words[] = {
        {"true", 4, RSI_JSON_TRUE}, {"false", 5, RSI_JSON_FALSE}, {"null", 4, RSI_JSON_NULL}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (json->length - json->at >= words[i].length &&
            memcmp(json->bytes + json->at, words[i].word, words[i].length) == 0) {
            json->at += words[i].length;
            return words[i].token;
        }
    }
    return bad(json, json->at, "expected a value");
}

/* ---- structure --------------------------------------------------------------------------------
 */

static rsi_json_token open_bracket(rsi_json *json, bool object)
{
    if (json->depth == RSI_JSON_DEPTH_MAX) {
        return bad(json, json->at, "nested deeper than 512 levels");
    }
    json->at++;
    json->is_object[json->depth] = object;
    json->object[json->depth] = object ? ++json->object_count : 0;
    json->depth++;
    json->expected = object ? KEY_OR_END : VALUE_OR_END;
    return object ? RSI_JSON_OBJECT : RSI_JSON_ARRAY;
}

static void value_done(rsi_json *json)
{
    json->expected = json->depth == 0 ? NOTHING : COMMA_OR_END;
}

static rsi_json_token close_bracket(rsi_json *json)
{
    json->at++;
    json->depth--;
    value_done(json);
    return json->is_object[json->depth] ? RSI_JSON_OBJECT_END : RSI_JSON_ARRAY_END;
}

static rsi_json_token read_value(rsi_json *json, rs_text *text)
{
    int c = peek(json);
    if (c == '{' || c == '[') {
        return open_bracket(json, c == '{');
    }
    rsi_json_token token;
    if (c == '"') {
        json->at++;
        token = read_string(json, text) ? RSI_JSON_STRING : RSI_JSON_BAD;
    } else if (c == '-' || (c >= '0' && c <= '9')) {
        token = read_number(json, text);
    } else if (c < 0) {
        return bad(json, json->at, "the document ends where a value is expected");
    } else {
        token = read_word(json);
    }
    value_done(json);
    return token;
}

static rsi_json_token read_key(rsi_json *json, rs_text *text)
{
    if (peek(json) != '"') {
        return bad(json, json->at, "expected a key in quotes");
    }
    json->at++;
    if (!read_string(json, text) || !note_key(json, *text)) {
        return RSI_JSON_BAD;
    }
    skip_blanks(json);
    if (peek(json) != ':') {
        return bad(json, json->at, "expected a colon behind the key");
    }
    json->at++;
    json->expected = A_VALUE;
    return RSI_JSON_KEY;
}

/* Behind a value: the comma (and what follows it), or the end of what is open. */
static rsi_json_token read_on(rsi_json *json, rs_text *text)
{
    bool object = json->is_object[json->depth - 1];
    if (peek(json) == (object ? '}' : ']')) {
        return close_bracket(json);
    }
    if (peek(json) != ',') {
        return bad(json, json->at,
                   object ? "expected a comma or the end of the object"
                          : "expected a comma or the end of the array");
    }
    json->at++;
    skip_blanks(json);
    json->token_at = json->at;
    return object ? read_key(json, text) : read_value(json, text);
}

rsi_json_token rsi_json_next(rsi_json *json, rs_text *text)
{
    *text = (rs_text){"", 0};
    if (json->problem != NULL) {
        return RSI_JSON_BAD;
    }
    skip_blanks(json);
    json->token_at = json->at;
    switch (json->expected) {
    case NOTHING:
        return peek(json) < 0 ? RSI_JSON_END : bad(json, json->at, "text behind the document");
    case COMMA_OR_END:
        return read_on(json, text);
    case KEY_OR_END:
        return peek(json) == '}' ? close_bracket(json) : read_key(json, text);
    case VALUE_OR_END:
        return peek(json) == ']' ? close_bracket(json) : read_value(json, text);
    case A_VALUE:
    default:
        return read_value(json, text);
    }
}

bool rsi_json_skip(rsi_json *json, rsi_json_token token)
{
    if (token != RSI_JSON_OBJECT && token != RSI_JSON_ARRAY) {
        return token != RSI_JSON_BAD;
    }
    size_t level = json->depth - 1;
    while (json->depth > level) {
        rs_text text;
        if (rsi_json_next(json, &text) == RSI_JSON_BAD) {
            return false;
        }
    }
    return true;
}

rs_status rsi_json_check(const char *name, const char *bytes, size_t length, rs_error *err)
{
    rsi_json *json = NULL;
    rs_status status = rsi_json_new(&json, err);
    if (status != RS_OK) {
        return status;
    }
    rsi_json_token token;
    rs_text text;
    rsi_json_start(json, bytes, length);
    do {
        token = rsi_json_next(json, &text);
    } while (token != RSI_JSON_END && token != RSI_JSON_BAD);
    if (token == RSI_JSON_BAD && json->no_memory) {
        status = rs_fail(err, RS_ENOMEM, "%s: %s", name, json->problem);
    } else if (token == RSI_JSON_BAD) {
        size_t line;
        size_t column;
        rsi_json_place(json, &line, &column);
        status = rs_fail(err, RS_EINPUT, "%s:%zu:%zu: %s", name, line, column, json->problem);
    }
    rsi_json_free(json);
    return status;
}
