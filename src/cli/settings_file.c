/* settings_file.c - settings as one JSON object of numbers, a line each, and back.
 *
 * A file may come from anybody: what is unknown, twice, no number or out of range is refused with
 * its place.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/try.h"
#include "cli/cli.h"
#include "cli/settings.h"

enum { FILE_MAX = 65536, LINE_ROOM = 80 };

rs_status rsi_settings_json(const rsi_setting_values *values, char **json, rs_error *err)
{
    char number[32];
    size_t room = (RSI_SETTING_COUNT + 1) * LINE_ROOM;
    char *text = malloc(room);
    if (text == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (settings)");
    }
    size_t at = 0;
    for (size_t i = 0; i < RSI_SETTING_COUNT; i++) {
        const rsi_setting *row = &rsi_setting_rows[i];
        at += (size_t)snprintf(text + at, room - at, "%s\n  \"%s\": %s", i > 0 ? "," : "{",
                               row->name, rsi_setting_format(row, values->of[i], number));
    }
    snprintf(text + at, room - at, "\n}\n");
    *json = text;
    return RS_OK;
}

/* One file as it is read. */
typedef struct reading {
    const char *path;
    rsi_json *json;
    rsi_setting_values *values;
    bool found[RSI_SETTING_COUNT];
} reading;

static rs_status bad(const reading *r, rs_status status, rs_error *err)
{
    size_t line;
    size_t column;
    rsi_json_place(r->json, &line, &column);
    return rs_context(err, status, "%s:%zu:%zu", r->path, line, column);
}

static rs_status no_such(const reading *r, rs_text name, rs_error *err)
{
    const char *names[RSI_SETTING_COUNT];
    char typed[64] = {0};
    size_t length = name.length < sizeof typed ? name.length : sizeof typed - 1;
    memcpy(typed, name.bytes, length);
    for (size_t i = 0; i < RSI_SETTING_COUNT; i++) {
        names[i] = rsi_setting_rows[i].name;
    }
    const char *nearest = rsi_nearest(typed, names, RSI_SETTING_COUNT);
    return bad(
        r,
        nearest != NULL
            ? rs_fail(err, RS_EUSAGE, "no setting \"%s\"; did you mean \"%s\"?", typed, nearest)
            : rs_fail(err, RS_EUSAGE, "no setting \"%s\"; \"ringscope settings\" lists them",
                      typed),
        err);
}

static rs_status take_value(reading *r, size_t row, rs_error *err)
{
    rs_text text;
    const rsi_setting *setting = &rsi_setting_rows[row];
    rsi_json_token token = rsi_json_next(r->json, &text);
    if (token == RSI_JSON_BAD) {
        return RS_OK; /* told at the end */
    }
    r->found[row] = true;
    rs_status status = token == RSI_JSON_NUMBER
                           ? rsi_setting_parse(setting, text, &r->values->of[row], err)
                           : rs_fail(err, RS_EUSAGE, "a number was expected, found %s",
                                     rsi_json_token_name(token));
    return status == RS_OK ? RS_OK : bad(r, rs_context(err, status, "\"%s\"", setting->name), err);
}

static rs_status take_object(reading *r, rs_error *err)
{
    rs_status status = RS_OK;
    rs_text text;
    rsi_json_token token = rsi_json_next(r->json, &text);
    if (token != RSI_JSON_OBJECT && token != RSI_JSON_BAD) {
        return bad(
            r,
            rs_fail(err, RS_EUSAGE, "an object was expected, found %s", rsi_json_token_name(token)),
            err);
    }
    while ((token = rsi_json_next(r->json, &text)) == RSI_JSON_KEY) {
        size_t row = rsi_setting_named(text);
        RS_TRY(row == SIZE_MAX || memchr(text.bytes, '-', text.length) != NULL
                   ? no_such(r, text, err)
                   : take_value(r, row, err));
    }
    if (token == RSI_JSON_OBJECT_END) {
        token = rsi_json_next(r->json, &text);
    }
    if (token == RSI_JSON_BAD) {
        status = rsi_json_no_memory(r->json)
                     ? rs_fail(err, RS_ENOMEM, "out of memory (settings)")
                     : bad(r, rs_fail(err, RS_EUSAGE, "%s", rsi_json_problem(r->json)), err);
    }
done:
    return status;
}

static rs_status read_text(reading *r, const rsi_buffer *text, rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(rsi_json_new(&r->json, err));
    rsi_json_start(r->json, (const char *)text->bytes, text->length);
    status = take_object(r, err);
done:
    rsi_json_free(r->json);
    return status;
}

rs_status rsi_settings_file(rsi_setting_values *values, const char *path, rs_error *err)
{
    rs_status status = RS_OK;
    reading r = {.path = path, .values = values};
    rsi_buffer text = {0};
    RS_TRY(rsi_read_named(path, FILE_MAX, &text, err));
    RS_TRY(read_text(&r, &text, err));
done:
    rsi_buffer_free(&text);
    return rs_context(err, status, "settings");
}

rs_status rsi_settings_kept(rsi_setting_values *values, const char *path, rs_error *err)
{
    rs_status status = RS_OK;
    reading r = {.path = path, .values = values};
    rsi_buffer text = {0};
    RS_TRY(rsi_read_file(AT_FDCWD, path, FILE_MAX, &text, err));
    RS_TRY(read_text(&r, &text, err));
    for (size_t i = 0; i < RSI_SETTING_COUNT; i++) {
        if (!r.found[i]) {
            status = rs_fail(err, RS_ECORRUPT, "%s: no \"%s\"", path, rsi_setting_rows[i].name);
            goto done;
        }
    }
done:
    rsi_buffer_free(&text);
    if (status == RS_EUSAGE || status == RS_ENOTFOUND) { /* a run is whole or not there */
        status = err->status = RS_ECORRUPT;
    }
    return rs_context(err, status, "settings of the run");
}
