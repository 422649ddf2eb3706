/* settings.c - a run's settings as one JSON object of integers, and back.
 *
 * One table names every setting; nothing is a floating-point number in the file, so its bytes and
 * its digest are the same everywhere.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"
#include "base/file.h"
#include "base/json.h"
#include "base/try.h"
#include "cli/cli.h"
#include "cli/stages.h"

const rsi_settings rsi_default_settings = {
    .graph = RS_GRAPH_DEFAULTS,
    .evidence = RS_EVIDENCE_DEFAULTS,
    .detect = RS_DETECT_DEFAULTS,
    .seeds = RS_SEED_DEFAULTS,
    .spread = RS_SPREAD_DEFAULTS,
    .score = RS_SCORE_DEFAULTS,
};

enum { SETTING_COUNT = 16, FILE_MAX = 4096 };

/* A setting as an integer: how it is read out of the struct and put into it. */
typedef struct setting {
    const char *name;
    int64_t value;
} setting;

static void list_settings(const rsi_settings *s, setting out[SETTING_COUNT])
{
    const setting all[SETTING_COUNT] = {
        {"as_of", s->graph.as_of},
        {"pairs_max", s->evidence.pairs_max},
        {"identity_max", s->evidence.identity_max},
        {"window_s", s->evidence.window_s},
        {"resolution", s->detect.resolution},
        {"component_max", s->detect.component_max},
        {"rounds", s->detect.rounds},
        {"random_seed", (int64_t)s->detect.random_seed},
        {"half_life_days", s->seeds.half_life_days},
        {"damping_millionths", (int64_t)(s->spread.damping * 1e6 + 0.5)},
        {"ground", s->spread.ground},
        {"tolerance_billionths", (int64_t)(s->spread.tolerance * 1e9 + 0.5)},
        {"min_score_millionths", s->score.min_score},
        {"facts_max", s->score.facts_max},
        {"trim", s->score.trim},
        {"pass_window_s", s->evidence.pass_window_s},
    };
    memcpy(out, all, sizeof all);
}

rs_status rsi_settings_json(const rsi_settings *settings, char **json, rs_error *err)
{
    setting all[SETTING_COUNT];
    char *text = malloc(FILE_MAX);
    if (text == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (settings)");
    }
    list_settings(settings, all);
    size_t at = (size_t)snprintf(text, FILE_MAX, "{");
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        at += (size_t)snprintf(text + at, FILE_MAX - at, "%s\"%s\": %" PRId64, i > 0 ? ", " : "",
                               all[i].name, all[i].value);
    }
    snprintf(text + at, FILE_MAX - at, "}");
    *json = text;
    return RS_OK;
}

/* RS_NO_TIME, of a store without times, is the one integer that is no decimal. */
static bool take_number(rsi_json_token token, rs_text text, int64_t *value)
{
    char none[RSI_FORMAT_MAX];
    int length = snprintf(none, sizeof none, "%" PRId64, RS_NO_TIME);
    if (token == RSI_JSON_NUMBER && text.length == (size_t)length &&
        memcmp(text.bytes, none, text.length) == 0) {
        *value = RS_NO_TIME;
        return true;
    }
    return token == RSI_JSON_NUMBER && rsi_decimal_parse(text, 0, value) == NULL;
}

/* {"name": integer, ...}; what the table does not name is passed over. False: no such document. */
static bool take_values(rsi_json *json, setting all[SETTING_COUNT], bool found[SETTING_COUNT])
{
    rs_text name;
    rs_text text;
    if (rsi_json_next(json, &text) != RSI_JSON_OBJECT) {
        return false;
    }
    while (rsi_json_next(json, &name) == RSI_JSON_KEY) {
        rsi_json_token token = rsi_json_next(json, &text);
        for (size_t i = 0; i < SETTING_COUNT; i++) {
            if (strlen(all[i].name) == name.length &&
                memcmp(all[i].name, name.bytes, name.length) == 0) {
                found[i] = take_number(token, text, &all[i].value);
            }
        }
        if (!rsi_json_skip(json, token)) {
            return false;
        }
    }
    return rsi_json_next(json, &text) == RSI_JSON_END;
}

static rs_status read_values(const rsi_buffer *text, setting all[SETTING_COUNT], rs_error *err)
{
    rs_status status = RS_OK;
    rsi_json *json = NULL;
    bool found[SETTING_COUNT] = {false};
    RS_TRY(rsi_json_new(&json, err));
    rsi_json_start(json, (const char *)text->bytes, text->length);
    if (!take_values(json, all, found)) {
        const char *problem = rsi_json_problem(json);
        status = rsi_json_no_memory(json)
                     ? rs_fail(err, RS_ENOMEM, "out of memory")
                     : rs_fail(err, RS_ECORRUPT, "%s",
                               problem != NULL ? problem : "an object was expected");
        goto done;
    }
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (!found[i]) {
            status = rs_fail(err, RS_ECORRUPT, "no number \"%s\"", all[i].name);
            goto done;
        }
    }
done:
    rsi_json_free(json);
    return status;
}

static rs_status put_values(rsi_settings *s, const setting all[SETTING_COUNT], rs_error *err)
{
    for (size_t i = 1; i < SETTING_COUNT; i++) {
        if (all[i].value < 0 || all[i].value > UINT32_MAX) {
            return rs_fail(err, RS_ECORRUPT, "\"%s\" is out of range", all[i].name);
        }
    }
    s->graph.as_of = all[0].value;
    s->evidence.pairs_max = (uint32_t)all[1].value;
    s->evidence.identity_max = (uint32_t)all[2].value;
    s->evidence.window_s = (uint32_t)all[3].value;
    s->detect.resolution = (uint32_t)all[4].value;

    s->detect.component_max = (uint32_t)all[5].value;
    s->detect.rounds = (unsigned)all[6].value;
    s->detect.random_seed = (uint64_t)all[7].value;
    s->seeds.half_life_days = (uint32_t)all[8].value;
    s->spread.damping = (double)all[9].value / 1e6;
    s->spread.ground = (uint32_t)all[10].value;
    s->spread.tolerance = (double)all[11].value / 1e9;
    s->score.min_score = (uint32_t)all[12].value;
    s->score.facts_max = (uint32_t)all[13].value;
    s->score.trim = (uint32_t)all[14].value;
    s->evidence.pass_window_s = (uint32_t)all[15].value;
    return RS_OK;
}

rs_status rsi_settings_read(rsi_settings *settings, const char *path, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_buffer text = {0};
    setting all[SETTING_COUNT];
    *settings = rsi_default_settings;
    list_settings(settings, all);
    status = rsi_read_file(AT_FDCWD, path, FILE_MAX, &text, err);
    if (status == RS_ENOTFOUND) { /* a run is whole or not there */
        status = err->status = RS_ECORRUPT;
    }
    RS_TRY(status);
    RS_TRY(read_values(&text, all, err));
    RS_TRY(put_values(settings, all, err));
done:
    rsi_buffer_free(&text);
    return rs_context(err, status, "run settings \"%s\"", path);
}
