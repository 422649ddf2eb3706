/* settings_table.c - the settings of a run: name, unit, range, default, reason.
 *
 * To add one: a field in the options of its stage, a row here, RSI_SETTING_COUNT. Every row is a
 * part of the run's identity. Ranges are what the stages can bear, not what would be wise.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "base/decimal.h"
#include "cli/settings.h"

#define AT(field) offsetof(rsi_settings, field)

enum { MILLION = 1000000 };

const rsi_setting rsi_setting_rows[RSI_SETTING_COUNT] = {
    {"pairs_max", "users", 0, 2, 30, 5, RSI_TO_U32, AT(evidence.pairs_max),
     "a thing of up to so many users links them pairwise, a larger one is a node: cliques grow "
     "with the square and drown the rest"},
    {"hub_resolution", "weight", 6, 1, MILLION, 20000, RSI_TO_WEIGHT, AT(evidence.resolution),
     "a thing that could not hold its users together at this resolution is a hub and says nothing"},
    {"identity_max", "users", 0, 2, 1000000, 20, RSI_TO_U32, AT(evidence.identity_max),
     "a verified identity of more users makes nobody one person: it is a placeholder"},
    {"window_s", "seconds", 0, 1, 604800, 900, RSI_TO_U32, AT(evidence.window_s),
     "how near two acts or two uses of a place are to be at the same time"},
    {"pass_window_s", "seconds", 0, 1, 2678400, 259200, RSI_TO_U32, AT(evidence.pass_window_s),
     "how long money may rest before it is passed on: three days hold a weekend"},
    {"resolution", "weight", 6, 1, MILLION, 2000, RSI_TO_WEIGHT, AT(detect.resolution),
     "evidence that each pair of a ring must have on average; less of it gives larger, looser "
     "rings, which are trimmed afterwards"},
    {"component_max", "nodes", 0, 1, 1000000000, 5000, RSI_TO_U32, AT(detect.component_max),
     "split larger components of the evidence before clustering: bounds memory and time of one "
     "piece"},
    {"rounds", "rounds", 0, 0, 1000, 6, RSI_TO_U32, AT(detect.rounds),
     "rounds of clustering at most; 0: until nothing moves. Later ones change next to nothing"},
    {"seed", "", 0, 0, UINT32_MAX, 1, RSI_TO_U64, AT(detect.random_seed),
     "seed of the clustering's random order"},
    {"half_life_days", "days", 0, 0, 36500, 730, RSI_TO_U32, AT(seeds.half_life_days),
     "a listing's strength halves with each; 0: it never fades"},
    {"damping", "share", 6, 1, 999999, 850000, RSI_TO_DOUBLE, AT(spread.damping),
     "share of a risk that a step over links passes on"},
    {"ground", "weight", 6, 0, INT64_C(1000) * MILLION, MILLION, RSI_TO_WEIGHT, AT(spread.ground),
     "weight of a link to nowhere that every node has, so that an only link, however weak, does "
     "not carry everything"},
    {"tolerance", "risk", 9, 1, 10000000, 100000, RSI_TO_DOUBLE, AT(spread.tolerance),
     "how far a spread risk may be from the exact one, proven"},
    {"min_score", "score", 6, 0, MILLION, 10000, RSI_TO_U32, AT(score.min_score),
     "report rings of at least this score; 0.5 and more is suspect"},
    {"trim", "times", 0, 1, 1000, 5, RSI_TO_U32, AT(score.trim),
     "a member that is held by less than this part of the group's mean is dropped: 5 is a fifth"},
    {"steady_max", "rings", 0, 0, 10000, 100, RSI_TO_U32, AT(score.steady_max),
     "the first so many rings are found again on perturbed evidence, to see which come back"},
    {"facts_max", "facts", 0, 1, 1000, 12, RSI_TO_U32, AT(score.facts_max),
     "facts that a reason names, the strongest first"},
    {"users_max", "users", 0, 1, 1000000, 100, RSI_TO_U32, AT(users_max),
     "users that a fact names; the others are counted"},
};

rsi_setting_values rsi_setting_presets(void)
{
    rsi_setting_values values;
    for (size_t i = 0; i < RSI_SETTING_COUNT; i++) {
        values.of[i] = rsi_setting_rows[i].preset;
    }
    return values;
}

size_t rsi_setting_named(rs_text name)
{
    for (size_t i = 0; i < RSI_SETTING_COUNT; i++) {
        const char *own = rsi_setting_rows[i].name;
        size_t at = 0;
        while (at < name.length && own[at] != '\0' &&
               (name.bytes[at] == own[at] || (name.bytes[at] == '-' && own[at] == '_'))) {
            at++;
        }
        if (at == name.length && own[at] == '\0') {
            return i;
        }
    }
    return SIZE_MAX;
}

const char *rsi_setting_format(const rsi_setting *row, int64_t value, char buffer[32])
{
    size_t length = rsi_decimal_format(value, row->decimals, buffer);
    while (row->decimals > 0 && buffer[length - 1] == '0') {
        buffer[--length] = '\0';
    }
    if (row->decimals > 0 && buffer[length - 1] == '.') {
        buffer[--length] = '\0';
    }
    return buffer;
}

rs_status rsi_setting_parse(const rsi_setting *row, rs_text text, int64_t *value, rs_error *err)
{
    char low[32];
    char high[32];
    int shown = text.length < 200 ? (int)text.length : 200;
    int digits = rsi_decimal_digits(text);
    const char *problem = rsi_decimal_parse(text, row->decimals, value);
    if (problem != NULL && (digits < 0 || row->decimals == 0)) {
        return rs_fail(err, RS_EUSAGE, "\"%.*s\" is not a %snumber", shown, text.bytes,
                       row->decimals == 0 ? "whole " : "");
    }
    if (problem != NULL && (unsigned)digits > row->decimals) {
        return rs_fail(err, RS_EUSAGE, "%.*s has more than %u digits behind the point", shown,
                       text.bytes, row->decimals);
    }
    if (problem != NULL || *value < row->min || *value > row->max) {
        return rs_fail(err, RS_EUSAGE, "%.*s is not between %s and %s", shown, text.bytes,
                       rsi_setting_format(row, row->min, low),
                       rsi_setting_format(row, row->max, high));
    }
    return RS_OK;
}

static double power_of_ten(unsigned exponent)
{
    double power = 1;
    for (; exponent > 0; exponent--) {
        power *= 10;
    }
    return power;
}

static void put(rsi_settings *settings, const rsi_setting *row, int64_t value)
{
    char *field = (char *)settings + row->offset;
    uint32_t narrow = (uint32_t)value;
    uint64_t wide = (uint64_t)value;
    double real = (double)value / power_of_ten(row->decimals); /* both exact: rounded once */
    switch (row->field) {
    case RSI_TO_U32:
        memcpy(field, &narrow, sizeof narrow);
        break;
    case RSI_TO_U64:
        memcpy(field, &wide, sizeof wide);
        break;
    case RSI_TO_WEIGHT:
        narrow = (uint32_t)(wide * RS_WEIGHT_ONE / MILLION);
        memcpy(field, &narrow, sizeof narrow);
        break;
    case RSI_TO_DOUBLE:
        memcpy(field, &real, sizeof real);
        break;
    }
}

rsi_settings rsi_settings_of(const rsi_setting_values *values)
{
    rsi_settings settings = {.graph = RS_GRAPH_DEFAULTS, .evidence = RS_EVIDENCE_DEFAULTS};
    for (size_t i = 0; i < RSI_SETTING_COUNT; i++) {
        put(&settings, &rsi_setting_rows[i], values->of[i]);
    }
    return settings;
}
