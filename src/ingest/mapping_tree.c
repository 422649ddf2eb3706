/* mapping_tree.c - keys, texts, words and lists out of a tree, each with its place in messages.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ingest/mapping_tree.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static void print_place(const rsi_map_place *at, char *out, size_t capacity)
{
    out[0] = '\0';
    if (at == NULL) {
        return;
    }
    print_place(at->outer, out, capacity);
    size_t used = strlen(out);
    const char *dot = used > 0 && at->key != NULL && at->key[0] != '\0' ? "." : "";
    if (at->index == SIZE_MAX) {
        snprintf(out + used, capacity - used, "%s%s", dot, at->key);
    } else {
        snprintf(out + used, capacity - used, "%s%s[%zu]", dot, at->key, at->index);
    }
}

rs_status rsi_map_wrong(const rsi_map_reader *in, const rsi_map_place *at, const char *format, ...)
{
    char where[300];
    char what[600];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    print_place(at, where, sizeof where);
    return rs_fail(in->err, RS_EUSAGE, "mapping \"%s\": %s%s%s", in->name, where,
                   where[0] != '\0' ? ": " : "", what);
}

rs_status rsi_map_no_memory(const rsi_map_reader *in)
{
    return rs_fail(in->err, RS_ENOMEM, "mapping \"%s\": out of memory", in->name);
}

/* `known` is a list of the keys that may stand here, each followed by a blank. */
static bool is_known(const char *known, const char *key)
{
    size_t length = strlen(key);
    for (const char *at = known; *at != '\0';) {
        size_t word = strcspn(at, " ");
        if (word == length && memcmp(at, key, length) == 0) {
            return true;
        }
        at += word;
        at += *at == ' ';
    }
    return false;
}

rs_status rsi_map_check(const rsi_map_reader *in, const rsi_map_place *at, const cJSON *object,
                        const char *known)
{
    if (!cJSON_IsObject(object)) {
        return rsi_map_wrong(in, at, "expected an object");
    }
    for (const cJSON *child = object->child; child != NULL; child = child->next) {
        if (!is_known(known, child->string)) {
            return rsi_map_wrong(in, at, "unknown key \"%s\" (known: %s)", child->string, known);
        }
    }
    return RS_OK;
}

const cJSON *rsi_map_get(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

rs_status rsi_map_text(const rsi_map_reader *in, const rsi_map_place *at, const cJSON *object,
                       const char *key, const char **out)
{
    const cJSON *item = rsi_map_get(object, key);
    rsi_map_place here = {at, key, SIZE_MAX};
    if (item == NULL) {
        return RS_OK;
    }
    if (!cJSON_IsString(item) || item->valuestring[0] == '\0') {
        return rsi_map_wrong(in, &here, "expected a text that is not empty");
    }
    *out = item->valuestring;
    return RS_OK;
}

rs_status rsi_map_word(const rsi_map_reader *in, const rsi_map_place *at, const cJSON *object,
                       const char *key, const char *const *words, size_t count, int *out)
{
    const char *text = NULL;
    rs_status status = rsi_map_text(in, at, object, key, &text);
    if (status != RS_OK || text == NULL) {
        return status;
    }
    rsi_map_place here = {at, key, SIZE_MAX};
    char all[200] = "";
    for (size_t i = 0; i < count; i++) {
        if (strcmp(words[i], text) == 0) {
            *out = (int)i;
            return RS_OK;
        }
        size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%s", i > 0 ? ", " : "", words[i]);
    }
    return rsi_map_wrong(in, &here, "\"%s\" is not one of %s", text, all);
}

rs_status rsi_map_array(const rsi_map_reader *in, const rsi_map_place *at, const cJSON *object,
                        const char *key, size_t *count)
{
    const cJSON *array = rsi_map_get(object, key);
    rsi_map_place here = {at, key, SIZE_MAX};
    *count = 0;
    if (array == NULL) {
        return RS_OK;
    }
    if (!cJSON_IsArray(array) || array->child == NULL) {
        return rsi_map_wrong(in, &here, "expected a list that is not empty");
    }
    *count = (size_t)cJSON_GetArraySize(array);
    return RS_OK;
}
