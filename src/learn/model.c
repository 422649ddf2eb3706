/* model.c - the file of a model, out and in.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "learn/model.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/try.h"

#define MODEL_FORM "ringscope/1"
enum { COLUMNS_MAX = 1 << 16 };
static const size_t file_max = (size_t)256 << 20; /* bytes */

void rsi_model_free(rsi_model *model)
{
    for (size_t i = 0; i < model->column_count; i++) {
        free(model->columns[i]);
    }
    free(model->columns);
    free(model->subject);
    rsi_forest_free(&model->forest);
    *model = (rsi_model){0};
}

/* ---- out ------------------------------------------------------------------------------------- */

RS_PRINTF(3, 4)
static rs_status put(rsi_buffer *text, rs_error *err, const char *format, ...)
{
    char line[128];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    return rsi_buffer_add(text, line, length > 0 ? (size_t)length : 0, err);
}

static rs_status put_name(rsi_buffer *text, const char *name, rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(put(text, err, "\""));
    for (; *name != '\0'; name++) {
        unsigned char byte = (unsigned char)*name;
        if (byte == '"' || byte == '\\' || byte < 0x20) {
            RS_TRY(put(text, err, "\\u%04x", byte));
        } else {
            RS_TRY(rsi_buffer_add(text, name, 1, err));
        }
    }
    RS_TRY(put(text, err, "\""));
done:
    return status;
}

typedef enum tree_array { LEFT, RIGHT, COLUMN, VALUE, COVER, ARRAYS } tree_array;

static rs_status put_array(rsi_buffer *text, const rsi_tree *tree, tree_array which, rs_error *err)
{
    static const char *const names[ARRAYS] = {"left_children", "right_children", "split_indices",
                                              "split_conditions", "sum_hessian"};
    rs_status status = RS_OK;
    RS_TRY(put(text, err, "%s\"%s\":[", which == 0 ? "{" : ",", names[which]));
    for (uint32_t i = 0; i < tree->count; i++) {
        const rsi_tree_node *node = &tree->nodes[i];
        const char *comma = i > 0 ? "," : "";
        bool leaf = node->left == 0;
        if (which >= VALUE) {
            RS_TRY(put(text, err, "%s%.9g", comma,
                       (double)(which == VALUE ? node->value : node->cover)));
        } else if (which == COLUMN) {
            RS_TRY(put(text, err, "%s%u", comma, node->column));
        } else {
            RS_TRY(put(text, err, "%s%d", comma,
                       leaf            ? -1
                       : which == LEFT ? (int)node->left
                                       : (int)node->right));
        }
    }
    RS_TRY(put(text, err, "]"));
done:
    return status;
}

static rs_status put_trees(rsi_buffer *text, const rsi_forest *forest, rs_error *err)
{
    rs_status status = RS_OK;
    for (size_t t = 0; t < forest->count; t++) {
        RS_TRY(put(text, err, t > 0 ? ",\n" : "\n"));
        for (int which = 0; which < ARRAYS; which++) {
            RS_TRY(put_array(text, &forest->trees[t], (tree_array)which, err));
        }
        RS_TRY(put(text, err, "}"));
    }
done:
    return status;
}

static void set_digest(rsi_model *model, const void *bytes, size_t length)
{
    rsi_hash128 hash = rsi_hash_128(bytes, length, 0);
    snprintf(model->digest, sizeof model->digest, "%016llx%016llx", (unsigned long long)hash.high,
             (unsigned long long)hash.low);
}

rs_status rsi_model_write(rsi_model *model, rsi_buffer *text, rs_error *err)
{
    rs_status status = RS_OK;
    size_t from = text->length;
    RS_TRY(put(text, err, "{\"model\":\"" MODEL_FORM "\",\n\"subject\":"));
    RS_TRY(put_name(text, model->subject, err));
    RS_TRY(put(text, err, ",\n\"columns\":["));
    for (size_t i = 0; i < model->column_count; i++) {
        RS_TRY(put(text, err, i > 0 ? ",\n" : "\n"));
        RS_TRY(put_name(text, model->columns[i], err));
    }
    RS_TRY(put(text, err, "],\n\"base\":%.17g,\n\"slope\":%.17g,\n\"offset\":%.17g,\n\"trees\":[",
               model->base, model->slope, model->offset));
    RS_TRY(put_trees(text, &model->forest, err));
    RS_TRY(put(text, err, "]}\n"));
    RS_TRY(rsi_json_check("model", (const char *)text->bytes + from, text->length - from, err));
    set_digest(model, text->bytes + from, text->length - from);
done:
    return status;
}

/* ---- in -------------------------------------------------------------------------------------- */

static rs_status broken(const rsi_json *json, rsi_json_token token, const char *wanted,
                        rs_error *err)
{
    return token == RSI_JSON_BAD ? rs_fail(err, rsi_json_no_memory(json) ? RS_ENOMEM : RS_EINPUT,
                                           "%s", rsi_json_problem(json))
                                 : rs_fail(err, RS_EINPUT, "%s was expected, found %s", wanted,
                                           rsi_json_token_name(token));
}

/* The key that must stand here; the file has one order. */
static rs_status take_key(rsi_json *json, const char *key, rs_error *err)
{
    rs_text text;
    rsi_json_token token = rsi_json_next(json, &text);
    if (token != RSI_JSON_KEY || text.length != strlen(key) ||
        memcmp(text.bytes, key, text.length) != 0) {
        return token == RSI_JSON_KEY ? rs_fail(err, RS_EINPUT, "the key \"%s\" was expected", key)
                                     : broken(json, token, key, err);
    }
    return RS_OK;
}

static rs_status take_form(rsi_json *json, rs_error *err)
{
    rs_status status = RS_OK;
    rs_text text;
    rsi_json_token token = rsi_json_next(json, &text);
    if (token != RSI_JSON_OBJECT) {
        return broken(json, token, "a model", err);
    }
    RS_TRY(take_key(json, "model", err));
    token = rsi_json_next(json, &text);
    if (token != RSI_JSON_STRING) {
        return broken(json, token, "\"" MODEL_FORM "\"", err);
    }
    if (text.length != strlen(MODEL_FORM) || memcmp(text.bytes, MODEL_FORM, text.length) != 0) {
        return rs_fail(err, RS_EINPUT,
                       "a model of the form \"%.*s\"; this build reads \"" MODEL_FORM "\"",
                       text.length < 40 ? (int)text.length : 40, text.bytes);
    }
done:
    return status;
}

/* A name of something in a store. */
static rs_status copy_name(rs_text text, char **name, rs_error *err)
{
    if (memchr(text.bytes, '\0', text.length) != NULL) {
        return rs_fail(err, RS_EINPUT, "U+0000, which no name has");
    }
    *name = strndup(text.bytes, text.length);
    return *name != NULL ? RS_OK : rs_fail(err, RS_ENOMEM, "out of memory (model)");
}

static rs_status take_subject(rsi_json *json, rsi_model *model, rs_error *err)
{
    rs_status status = RS_OK;
    rs_text text;
    RS_TRY(take_key(json, "subject", err));
    rsi_json_token token = rsi_json_next(json, &text);
    if (token != RSI_JSON_STRING) {
        return broken(json, token, "the name of a node type", err);
    }
    RS_TRY(copy_name(text, &model->subject, err));
done:
    return status;
}

static rs_status take_columns(rsi_json *json, rsi_model *model, rs_error *err)
{
    rs_status status = RS_OK;
    rs_text text;
    RS_TRY(take_key(json, "columns", err));
    rsi_json_token token = rsi_json_next(json, &text);
    if (token != RSI_JSON_ARRAY) {
        return broken(json, token, "an array of names", err);
    }
    while ((token = rsi_json_next(json, &text)) == RSI_JSON_STRING) {
        size_t count = model->column_count;
        if (count == COLUMNS_MAX) {
            return rs_fail(err, RS_EINPUT, "more than %d columns", COLUMNS_MAX);
        }
        if ((count & (count - 1)) == 0) { /* a power of two: full */
            void *columns = realloc(model->columns, (2 * count + 1) * sizeof *model->columns);
            model->columns = columns != NULL ? columns : model->columns;
            status = columns != NULL ? RS_OK : rs_fail(err, RS_ENOMEM, "out of memory (model)");
            RS_TRY(status);
        }
        RS_TRY(copy_name(text, &model->columns[count], err));
        model->column_count++;
    }
    if (token != RSI_JSON_ARRAY_END) {
        return broken(json, token, "a name", err);
    }
done:
    return status;
}

static rs_status take_real(rsi_json *json, const char *key, double *value, rs_error *err)
{
    rs_status status = RS_OK;
    rs_text text;
    char copy[64];
    RS_TRY(take_key(json, key, err));
    rsi_json_token token = rsi_json_next(json, &text);
    if (token != RSI_JSON_NUMBER) {
        return broken(json, token, "a number", err);
    }
    if (text.length >= sizeof copy) {
        return rs_fail(err, RS_EINPUT, "\"%s\": a number of too many digits", key);
    }
    memcpy(copy, text.bytes, text.length);
    copy[text.length] = '\0';
    *value = strtod(copy, NULL);
    if (!isfinite(*value) || fabs(*value) > 1e6) {
        return rs_fail(err, RS_EINPUT, "\"%s\" is out of range", key);
    }
done:
    return status;
}

static rs_status take_model(rsi_json *json, rsi_model *model, rs_error *err)
{
    rs_status status = RS_OK;
    rs_text text;
    RS_TRY(take_form(json, err));
    RS_TRY(take_subject(json, model, err));
    RS_TRY(take_columns(json, model, err));
    RS_TRY(take_real(json, "base", &model->base, err));
    RS_TRY(take_real(json, "slope", &model->slope, err));
    if (model->slope <= 0) {
        return rs_fail(err, RS_EINPUT, "\"slope\" is not above 0");
    }
    RS_TRY(take_real(json, "offset", &model->offset, err));
    RS_TRY(take_key(json, "trees", err));
    RS_TRY(rsi_forest_read(&model->forest, json, model->column_count, err));
    rsi_json_token token = rsi_json_next(json, &text);
    token = token == RSI_JSON_OBJECT_END ? rsi_json_next(json, &text) : token;
    if (token != RSI_JSON_END) {
        return broken(json, token, "the end of the model", err);
    }
done:
    return status;
}

rs_status rsi_model_parse(rsi_model *model, const char *name, const void *bytes, size_t length,
                          rs_error *err)
{
    rs_status status = RS_OK;
    rsi_json *json = NULL;
    size_t line = 0;
    size_t column = 0;
    *model = (rsi_model){0};
    RS_TRY(rsi_json_new(&json, err));
    rsi_json_start(json, bytes, length);
    status = take_model(json, model, err);
    rsi_json_place(json, &line, &column);
    RS_TRY(rs_context(err, status, "%s:%zu:%zu", name, line, column));
    set_digest(model, bytes, length);
done:
    rsi_json_free(json);
    if (status != RS_OK) {
        rsi_model_free(model);
    }
    return rs_context(err, status, "model");
}

rs_status rsi_model_read(rsi_model *model, const char *path, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_buffer text = {0};
    *model = (rsi_model){0};
    RS_TRY(rs_context(err, rsi_read_named(path, file_max, &text, err), "model"));
    RS_TRY(rsi_model_parse(model, path, text.bytes, text.length, err));
done:
    rsi_buffer_free(&text);
    return status;
}

/* ---- use ------------------------------------------------------------------------------------- */

rs_status rsi_model_check(const rsi_model *model, const rsi_features *features, rs_error *err)
{
    for (size_t i = 0; i < model->column_count || i < features->count; i++) {
        const char *theirs = i < model->column_count ? model->columns[i] : NULL;
        const char *ours = i < features->count ? features->all[i].name : NULL;
        if (theirs == NULL || ours == NULL || strcmp(theirs, ours) != 0) {
            return rs_fail(err, RS_EINPUT,
                           "model: column %zu is \"%s\" in the model and \"%s\" in the store: it "
                           "was learned from other relations or attributes, or by another "
                           "release; learn it again from a store like this one",
                           i + 1, theirs != NULL ? theirs : "missing",
                           ours != NULL ? ours : "missing");
        }
    }
    return RS_OK;
}

double rsi_model_chance(const rsi_model *model, double margin)
{
    return 1 / (1 + exp(-(model->offset + model->slope * (model->base + margin))));
}

uint32_t rsi_model_risk(const rsi_model *model, const rsi_features *features, uint32_t subject)
{
    double margin = rsi_forest_margin(&model->forest, features, subject);
    return (uint32_t)lround(rsi_model_chance(model, margin) * RS_MILLION);
}
