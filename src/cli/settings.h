/* settings.h - every setting that takes part in a run's answer: one table, and JSON from and to it.
 *
 * A setting is a decimal number, held as an integer in units of its last digit: what is written,
 * digested and compared is exact, the same everywhere. The table (settings_table.c) names it, its
 * range, its default and why it is that; the file (settings_file.c), the options of `run` and what
 * `ringscope settings` prints follow from the table.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_CLI_SETTINGS_H
#define RSI_CLI_SETTINGS_H

#include "ringscope/detect.h"
#include "ringscope/evidence.h"
#include "ringscope/graph.h"
#include "ringscope/lists.h"
#include "ringscope/propagate.h"
#include "ringscope/score.h"
#include "ringscope/text.h"

/* What the stages take. The as-of time and the lists are a run's input, no settings. */
typedef struct rsi_settings {
    rs_graph_options graph;
    rs_evidence_options evidence;
    rs_detect_options detect;
    rs_seed_options seeds;
    rs_spread_options spread;
    rs_score_options score;
    uint32_t users_max; /* of rs_report_options */
} rsi_settings;

/* The field of rsi_settings that takes a setting, and how. */
typedef enum rsi_setting_field {
    RSI_TO_U32,    /* uint32_t, unsigned: the integer itself */
    RSI_TO_U64,    /* uint64_t */
    RSI_TO_WEIGHT, /* uint32_t: 1 << 20 is 1.0, cut off */
    RSI_TO_DOUBLE
} rsi_setting_field;

typedef struct rsi_setting {
    const char *name;
    const char *unit;
    unsigned decimals; /* digits behind the point; 0: a whole number */
    int64_t min, max, preset;
    rsi_setting_field field;
    size_t offset;      /* in rsi_settings */
    const char *reason; /* what it does and why it is what it is, one line, lower case */
} rsi_setting;

enum { RSI_SETTING_COUNT = 18 };
extern const rsi_setting rsi_setting_rows[RSI_SETTING_COUNT];

/* A value for each row. */
typedef struct rsi_setting_values {
    int64_t of[RSI_SETTING_COUNT];
} rsi_setting_values;
rsi_setting_values rsi_setting_presets(void);

/* The row of a name; an option's dash is an underscore. SIZE_MAX: there is none. */
size_t rsi_setting_named(rs_text name);
/* One value from text. RS_EUSAGE says what was expected, without the name. */
RS_MUST_USE rs_status rsi_setting_parse(const rsi_setting *row, rs_text text, int64_t *value,
                                        rs_error *err);
/* "0.002"; `buffer` holds 32 bytes and is returned. */
const char *rsi_setting_format(const rsi_setting *row, int64_t value, char buffer[32]);
/* For the stages; the as-of time is RS_NO_TIME. */
rsi_settings rsi_settings_of(const rsi_setting_values *values);

/* The values as a JSON object, a line each, in the table's order: what a run keeps and what its
 * digest is taken of. Freed by free(). RS_ENOMEM. */
RS_MUST_USE rs_status rsi_settings_json(const rsi_setting_values *values, char **json,
                                        rs_error *err);
/* What a user's file names takes the place of what stands in *values. RS_EUSAGE with file, line and
 * column: no such file, not JSON, no such setting, out of its range. */
RS_MUST_USE rs_status rsi_settings_file(rsi_setting_values *values, const char *path,
                                        rs_error *err);
/* The same of a file that a run kept, which names every setting; all else is RS_ECORRUPT. */
RS_MUST_USE rs_status rsi_settings_kept(rsi_setting_values *values, const char *path,
                                        rs_error *err);

#endif
