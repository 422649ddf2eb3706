/* profile_json.c - a profile as JSON. Ids and names are any bytes: they are escaped here and handed
 * to cJSON as they are to be printed, because a C string would end at a NUL.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"
#include "base/timestamp.h"
#include "base/utf8.h"
#include "ingest/profile.h"

/* A tree being built; `failed` once memory gave out, checked at the end. */
typedef struct tree {
    bool failed;
} tree;

/* Bytes of the valid character at `at`, or 0. */
static size_t character(const char *at, size_t left)
{
    for (size_t length = 1; length <= 4 && length <= left; length++) {
        if (rsi_utf8_valid(at, length) == length) {
            return length;
        }
    }
    return 0;
}

/* `text` as a JSON string; what is not UTF-8 becomes U+FFFD. NULL without memory. */
static char *quote(rs_text text)
{
    char *out = malloc(text.length * 6 + 3);
    size_t used = 0;
    if (out == NULL) {
        return NULL;
    }
    out[used++] = '"';
    for (size_t at = 0; at < text.length;) {
        unsigned char c = (unsigned char)text.bytes[at];
        size_t length = character(text.bytes + at, text.length - at);
        if (length == 0) {
            memcpy(out + used, "\xEF\xBF\xBD", 3);
            used += 3;
            at++;
        } else if (c < 0x20 || c == '"' || c == '\\' || c == 0x7F) {
            used += (size_t)snprintf(out + used, 7, "\\u%04X", c);
            at++;
        } else {
            memcpy(out + used, text.bytes + at, length);
            used += length;
            at += length;
        }
    }
    out[used++] = '"';
    out[used] = '\0';
    return out;
}

static cJSON *hang(tree *in, cJSON *to, const char *key, cJSON *item)
{
    bool added =
        item != NULL && to != NULL &&
        (key == NULL ? cJSON_AddItemToArray(to, item) : cJSON_AddItemToObject(to, key, item));
    if (!added) {
        cJSON_Delete(item);
        in->failed = true;
        return NULL;
    }
    return item;
}

static cJSON *add_object(tree *in, cJSON *to, const char *key)
{
    return hang(in, to, key, cJSON_CreateObject());
}

static cJSON *add_array(tree *in, cJSON *to, const char *key)
{
    return hang(in, to, key, cJSON_CreateArray());
}

static void add_text(tree *in, cJSON *to, const char *key, rs_text text)
{
    char *quoted = quote(text);
    hang(in, to, key, quoted == NULL ? NULL : cJSON_CreateRaw(quoted));
    free(quoted);
}

static void add_string(tree *in, cJSON *to, const char *key, const char *string)
{
    add_text(in, to, key, (rs_text){string, strlen(string)});
}

static void add_bool(tree *in, cJSON *to, const char *key, bool value)
{
    hang(in, to, key, cJSON_CreateBool(value));
}

/* Integers keep all their digits: cJSON's numbers are doubles. */
static void add_integer(tree *in, cJSON *to, const char *key, int64_t value)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)value);
    hang(in, to, key, cJSON_CreateRaw(text));
}

static void add_count(tree *in, cJSON *to, const char *key, uint64_t value)
{
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    hang(in, to, key, cJSON_CreateRaw(text));
}

static void add_time(tree *in, cJSON *to, const char *key, int64_t unix_s)
{
    char text[32];
    rsi_timestamp_format(unix_s, text);
    add_string(in, to, key, text);
}

static void add_amount(tree *in, cJSON *to, const char *key, int64_t units, unsigned decimals)
{
    char text[32];
    rsi_decimal_format(units, decimals, text);
    add_string(in, to, key, text);
}

/* ---- parts ------------------------------------------------------------------------------------
 */

/* Integers that would be times of this century, in seconds or milliseconds. */
static const char *time_unit_guess(const rsi_column *column)
{
    static const int64_t from = INT64_C(946684800); /* 2000-01-01 */
    static const int64_t to = INT64_C(4102444800);  /* 2100-01-01 */
    if (column->integer_count != column->filled_count ||
        column->integer_min > column->integer_max) {
        return NULL;
    }
    if (column->integer_min >= from && column->integer_max < to) {
        return "s";
    }
    return column->integer_min >= from * 1000 && column->integer_max < to * 1000 ? "ms" : NULL;
}

static bool is_mapped(const rsi_source *source, const rsi_column *column)
{
    for (size_t i = 0; i < source->column_count; i++) {
        if (strlen(source->columns[i]) == column->name_length &&
            memcmp(source->columns[i], column->name, column->name_length) == 0) {
            return true;
        }
    }
    return false;
}

static void add_column(tree *in, cJSON *to, const rsi_source *source, const rsi_column *column,
                       uint64_t row_count)
{
    cJSON *item = add_object(in, to, NULL);
    add_text(in, item, "name", (rs_text){column->name, column->name_length});
    add_bool(in, item, "mapped", is_mapped(source, column));
    add_count(in, item, "rows", row_count);
    add_count(in, item, "empty", row_count - column->filled_count);
    add_string(in, item, "looks_like", rsi_column_kind(column));
    add_count(in, item, "integers", column->integer_count);
    add_count(in, item, "decimals", column->decimal_count);
    add_count(in, item, "times", column->iso_count);
    add_count(in, item, "texts", column->text_count);
    if (column->filled_count > 0) {
        add_count(in, item, "bytes_min", column->length_min);
        add_count(in, item, "bytes_max", column->length_max);
    }
    if (column->integer_min <= column->integer_max) {
        add_integer(in, item, "integer_min", column->integer_min);
        add_integer(in, item, "integer_max", column->integer_max);
    }
    if (column->iso_count > 0) {
        add_time(in, item, "time_min", column->iso_min);
        add_time(in, item, "time_max", column->iso_max);
    }
    const char *unit = time_unit_guess(column);
    if (unit != NULL) {
        int64_t scale = unit[0] == 's' ? 1 : 1000;
        add_string(in, item, "time_unit_guess", unit);
        add_time(in, item, "time_min", column->integer_min / scale);
        add_time(in, item, "time_max", column->integer_max / scale);
    }
}

static void add_source(tree *in, cJSON *to, const rsi_profile *profile, size_t index)
{
    const rsi_source *source = rsi_mapping_source(profile->mapping, index);
    const rsi_columns *columns = &profile->columns[index];
    cJSON *item = add_object(in, to, NULL);
    if (source->query != NULL) {
        add_string(in, item, "query", source->name);
    } else {
        add_string(in, item, "match", source->match);
    }
    add_count(in, item, "rows", columns->row_count);
    cJSON *files = add_array(in, item, "files");
    for (size_t i = 0; i < profile->inputs.count; i++) {
        const rsi_input *input = &profile->inputs.items[i];
        if (input->source == index) {
            cJSON *file = add_object(in, files, NULL);
            add_string(in, file, "path", input->path);
            add_string(in, file, "format",
                       input->address != NULL ? "query"
                       : input->lines         ? "jsonl"
                                              : "csv");
            add_count(in, file, "rows", profile->files[i].row_count);
            add_count(in, file, "bad_rows", profile->files[i].bad_count);
        }
    }
    cJSON *list = add_array(in, item, "columns");
    for (size_t i = 0; i < columns->count; i++) {
        add_column(in, list, source, &columns->items[i], columns->row_count);
    }
    add_bool(in, item, "columns_complete", columns->left_out == 0);
}

static void add_relation(tree *in, cJSON *to, const rsi_profile *profile,
                         const rsi_profile_relation *relation)
{
    cJSON *item = add_object(in, to, NULL);
    add_string(in, item, "name", relation->name);
    add_string(in, item, "kind", rs_kind_name(relation->kind));
    if (relation->kind == RS_KIND_SHARED) {
        add_string(in, item, "as", relation->place ? "place" : "thing");
    }
    add_string(in, item, "src_type", profile->types[relation->src_type].name);
    add_string(in, item, "dst_type", profile->types[relation->dst_type].name);
    add_count(in, item, "rows", relation->edge_count);
    add_count(in, item, "rows_with_time", relation->timed_count);
    if (relation->timed_count > 0) {
        add_time(in, item, "time_min", relation->time_min);
        add_time(in, item, "time_max", relation->time_max);
    }
    add_count(in, item, "rows_with_amount", relation->amount_count);
    if (relation->amount_count > 0) {
        add_amount(in, item, "amount_min", relation->amount_min, relation->decimals);
        add_amount(in, item, "amount_max", relation->amount_max, relation->decimals);
        add_count(in, item, "amount_digits", relation->digits);
        add_count(in, item, "decimals", relation->decimals);
        add_string(in, item, "currency", relation->currency);
    }
}

static void add_type(tree *in, cJSON *to, const rsi_profile *profile, const rsi_profile_type *type)
{
    rsi_hub top[RSI_HUBS_SHOWN];
    bool exact = false;
    uint64_t distinct = rsi_hubs_distinct(type->hubs, &exact);
    size_t count = rsi_hubs_top(type->hubs, top);
    cJSON *item = add_object(in, to, NULL);
    add_string(in, item, "name", type->name);
    add_bool(in, item, "subject",
             rsi_mapping_subject(profile->mapping, type->name, strlen(type->name)));
    add_count(in, item, "ids", distinct);
    add_bool(in, item, "ids_exact", exact);
    add_count(in, item, "hub_error_max", rsi_hubs_error(type->hubs));
    cJSON *hubs = add_array(in, item, "hubs");
    for (size_t i = 0; i < count; i++) {
        cJSON *hub = add_object(in, hubs, NULL);
        add_text(in, hub, "id", top[i].id);
        add_count(in, hub, "relations", top[i].count);
    }
}

static void add_bad(tree *in, cJSON *to, const rsi_profile_bad *bad)
{
    cJSON *item = add_object(in, to, NULL);
    add_string(in, item, "file", bad->file->path);
    add_count(in, item, "line", bad->line);
    add_count(in, item, "column", bad->column);
    add_string(in, item, "reason", bad->reason);
}

/* ---- the whole --------------------------------------------------------------------------------
 */

static int by_name(const void *a, const void *b)
{
    const rsi_profile_type *const *one = a;
    const rsi_profile_type *const *two = b;
    return strcmp((*one)->name, (*two)->name);
}

static void add_types(tree *in, cJSON *root, const rsi_profile *profile)
{
    cJSON *list = add_array(in, root, "types");
    const rsi_profile_type **sorted = calloc(profile->type_count + 1, sizeof *sorted);
    in->failed = in->failed || sorted == NULL;
    for (size_t i = 0; sorted != NULL && i < profile->type_count; i++) {
        sorted[i] = &profile->types[i];
    }
    if (sorted != NULL) {
        qsort(sorted, profile->type_count, sizeof *sorted, by_name);
    }
    for (size_t i = 0; sorted != NULL && i < profile->type_count; i++) {
        add_type(in, list, profile, sorted[i]);
    }
    free(sorted);
}

rs_status rsi_profile_print(const rsi_profile *profile, char **json, rs_error *err)
{
    tree in = {false};
    uint64_t row_count = 0;
    uint64_t bad_count = 0;
    cJSON *root = cJSON_CreateObject();
    for (size_t i = 0; i < profile->inputs.count; i++) {
        row_count += profile->files[i].row_count;
        bad_count += profile->files[i].bad_count;
    }
    add_string(&in, root, "profile", "ringscope/1");
    add_count(&in, root, "rows", row_count);
    add_count(&in, root, "bad_rows", bad_count);
    cJSON *sources = add_array(&in, root, "sources");
    for (size_t i = 0; i < profile->source_count; i++) {
        add_source(&in, sources, profile, i);
    }
    cJSON *relations = add_array(&in, root, "relations");
    for (size_t i = 0; i < profile->relation_count; i++) {
        add_relation(&in, relations, profile, &profile->relations[i]);
    }
    add_types(&in, root, profile);
    cJSON *bad = add_array(&in, root, "first_bad_rows");
    for (size_t i = 0; i < profile->shown_count; i++) {
        add_bad(&in, bad, &profile->shown[i]);
    }
    *json = in.failed ? NULL : cJSON_Print(root);
    cJSON_Delete(root);
    return *json == NULL ? rs_fail(err, RS_ENOMEM, "out of memory (profile)") : RS_OK;
}
