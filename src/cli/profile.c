/* profile.c - what a dry run found (docs/PROFILE.md), as tables for a person.
 *
 * The JSON is the library's own; a part that is not there is left out rather than taken for an
 * error.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/profile.h"

#include <cjson/cJSON.h>
#include <string.h>

#include "base/try.h"
#include "cli/cli.h"

static const char *string(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsString(item) ? item->valuestring : "";
}

static uint64_t number(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsNumber(item) && item->valuedouble > 0 ? (uint64_t)item->valuedouble : 0;
}

static bool flag(const cJSON *object, const char *key)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, key));
}

static const cJSON *list(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

/* Cells of the first row, which names the columns. */
static rsi_table *titled(const char *align, const char *const *titles)
{
    rsi_table *table = rsi_table_new(align);
    for (size_t i = 0; i < strlen(align); i++) {
        rsi_table_cell(table, "%s", titles[i]);
    }
    return table;
}

static void count_cell(rsi_table *table, const cJSON *object, const char *key)
{
    char text[RSI_FORMAT_MAX];
    rsi_table_cell(table, "%s", rsi_format_count(text, number(object, key)));
}

static void text_cell(rsi_table *table, const cJSON *object, const char *key)
{
    const char *text = string(object, key);
    rsi_table_cell(table, "%s", text[0] != '\0' ? text : "-");
}

static rs_status finish(rsi_table *table, FILE *out, rs_error *err)
{
    rs_status status = rsi_table_print(table, out, 0, err);
    rsi_table_free(table);
    return status;
}

static rs_status print_files(FILE *out, const cJSON *root, rs_error *err)
{
    static const char *const titles[] = {"file", "format", "rows", "bad"};
    rsi_table *table = titled("llrr", titles);
    const cJSON *source, *file;
    cJSON_ArrayForEach(source, list(root, "sources"))
    {
        cJSON_ArrayForEach(file, list(source, "files"))
        {
            text_cell(table, file, "path");
            text_cell(table, file, "format");
            count_cell(table, file, "rows");
            count_cell(table, file, "bad_rows");
        }
    }
    return finish(table, out, err);
}

/* From where to where the values go: times where they look like times, else integers. */
static void range_cells(rsi_table *table, const cJSON *column)
{
    const char *from = string(column, "time_min"), *to = string(column, "time_max");
    const cJSON *least = list(column, "integer_min"), *most = list(column, "integer_max");
    bool numeric = strcmp(string(column, "looks_like"), "text") != 0;
    if (numeric && from[0] != '\0') {
        rsi_table_cell(table, "%s", from);
        rsi_table_cell(table, "%s", to);
    } else if (numeric && cJSON_IsNumber(least) && cJSON_IsNumber(most)) {
        rsi_table_cell(table, "%.0f", least->valuedouble);
        rsi_table_cell(table, "%.0f", most->valuedouble);
    } else {
        rsi_table_cell(table, "-");
        rsi_table_cell(table, "-");
    }
}

static rs_status print_columns(FILE *out, const cJSON *source, rs_error *err)
{
    static const char *const titles[] = {"column", "mapped", "holds", "empty", "from", "to"};
    const cJSON *column;
    bool query = cJSON_GetObjectItemCaseSensitive(source, "query") != NULL;
    fputs(query ? "\nthe query \"" : "\nfiles that match \"", out);
    rsi_print_text(out, rsi_text(string(source, query ? "query" : "match")));
    fputs(flag(source, "columns_complete") ? "\"\n" : "\", the first columns\n", out);
    rsi_table *table = titled("lllrll", titles);
    cJSON_ArrayForEach(column, list(source, "columns"))
    {
        text_cell(table, column, "name");
        rsi_table_cell(table, flag(column, "mapped") ? "yes" : "no");
        text_cell(table, column, "looks_like");
        count_cell(table, column, "empty");
        range_cells(table, column);
    }
    return finish(table, out, err);
}

static rs_status print_relations(FILE *out, const cJSON *root, rs_error *err)
{
    static const char *const titles[] = {"relation", "kind", "from",  "to",         "rows",
                                         "first",    "last", "least", "most amount"};
    const cJSON *relation;
    fputc('\n', out);
    rsi_table *table = titled("llllrllrr", titles);
    cJSON_ArrayForEach(relation, list(root, "relations"))
    {
        bool place = strcmp(string(relation, "as"), "place") == 0;
        text_cell(table, relation, "name");
        rsi_table_cell(table, "%s%s", string(relation, "kind"), place ? " (place)" : "");
        text_cell(table, relation, "src_type");
        text_cell(table, relation, "dst_type");
        count_cell(table, relation, "rows");
        text_cell(table, relation, "time_min");
        text_cell(table, relation, "time_max");
        text_cell(table, relation, "amount_min");
        const char *currency = string(relation, "currency");
        rsi_table_cell(table, "%s%s%s", string(relation, "amount_max"),
                       currency[0] != '\0' ? " " : "", currency);
    }
    return finish(table, out, err);
}

static rs_status print_types(FILE *out, const cJSON *root, rs_error *err)
{
    static const char *const titles[] = {"type", "ids", "most used", "relations"};
    char text[RSI_FORMAT_MAX];
    const cJSON *type, *hub;
    fputc('\n', out);
    rsi_table *table = titled("lrlr", titles);
    cJSON_ArrayForEach(type, list(root, "types"))
    {
        rsi_table_cell(table, "%s%s", string(type, "name"), flag(type, "subject") ? " *" : "");
        rsi_table_cell(table, "%s%s", flag(type, "ids_exact") ? "" : "about ",
                       rsi_format_count(text, number(type, "ids")));
        size_t shown = 0;
        cJSON_ArrayForEach(hub, list(type, "hubs"))
        {
            if (shown == 5) {
                break;
            }
            if (shown++ > 0) {
                rsi_table_cell(table, " ");
                rsi_table_cell(table, " ");
            }
            text_cell(table, hub, "id");
            count_cell(table, hub, "relations");
        }
        if (shown == 0) {
            rsi_table_cell(table, "-");
            rsi_table_cell(table, "-");
        }
    }
    rs_status status = finish(table, out, err);
    fputs("* can be in a ring\n", out);
    return status;
}

static void print_bad(FILE *out, const cJSON *root)
{
    const cJSON *bad;
    bool first = true;
    cJSON_ArrayForEach(bad, list(root, "first_bad_rows"))
    {
        fputs(first ? "\nfirst bad rows\n" : "", out);
        first = false;
        rsi_print_text(out, rsi_text(string(bad, "file")));
        fprintf(out, ":%.0f:%.0f: ", (double)number(bad, "line"), (double)number(bad, "column"));
        rsi_print_text(out, rsi_text(string(bad, "reason")));
        fputc('\n', out);
    }
}

rs_status rsi_print_profile(FILE *out, const char *json, bool as_json, bool *any_bad, rs_error *err)
{
    rs_status status = RS_OK;
    const cJSON *source;
    cJSON *root = cJSON_Parse(json);
    if (root == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory");
    }
    *any_bad = number(root, "bad_rows") > 0;
    if (as_json) {
        fprintf(out, "%s\n", json);
        goto done;
    }
    RS_TRY(print_files(out, root, err));
    cJSON_ArrayForEach(source, list(root, "sources"))
    {
        if (number(source, "rows") > 0) {
            RS_TRY(print_columns(out, source, err));
        }
    }
    RS_TRY(print_relations(out, root, err));
    RS_TRY(print_types(out, root, err));
    print_bad(out, root);
done:
    cJSON_Delete(root);
    return status;
}
