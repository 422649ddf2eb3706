/* The JSON reader: what it accepts cJSON accepts too, and holds the same (for what cJSON can hold:
 * no U+0000, numbers as doubles); skipping a value ends where reading it ends.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static rsi_json *reader(const char *bytes, size_t size)
{
    rsi_json *json = NULL;
    if (rsi_json_new(&json, NULL) != RS_OK) {
        abort();
    }
    rsi_json_start(json, bytes, size);
    return json;
}

/* Reads all; whether it is valid, and whether a U+0000 is in it. */
static bool read_all(const char *bytes, size_t size, bool *nul)
{
    rsi_json *json = reader(bytes, size);
    rsi_json_token token;
    rs_text text;
    *nul = false;
    do {
        token = rsi_json_next(json, &text);
        if (rsi_utf8_valid(text.bytes, text.length) != text.length) {
            abort();
        }
        *nul = *nul || memchr(text.bytes, '\0', text.length) != NULL;
        if (rsi_json_offset(json) > size) {
            abort();
        }
    } while (token != RSI_JSON_END && token != RSI_JSON_BAD);
    if (token == RSI_JSON_BAD &&
        (rsi_json_problem(json) == NULL || rsi_json_next(json, &text) != RSI_JSON_BAD)) {
        abort();
    }
    rsi_json_free(json);
    return token == RSI_JSON_END;
}

static bool skip_all(const char *bytes, size_t size)
{
    rsi_json *json = reader(bytes, size);
    rs_text text;
    bool whole = rsi_json_skip(json, rsi_json_next(json, &text)) &&
                 rsi_json_next(json, &text) == RSI_JSON_END;
    rsi_json_free(json);
    return whole;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    bool nul = false;
    bool valid = read_all(bytes, size, &nul);
    if (skip_all(bytes, size) != valid) {
        abort();
    }
    if (valid && !nul) {
        cJSON *tree = cJSON_ParseWithLength(bytes, size);
        if (tree == NULL) {
            abort();
        }
        cJSON_Delete(tree);
    }
    return 0;
}
