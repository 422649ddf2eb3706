/* test_settings.c - the table of settings, and files of them.
 *
 * A test's name finishes "it ...".
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../temporary.h"
#include "cli/cli.h"
#include "cli/settings.h"
#include "ringscope/report.h"

static char path[TEMPORARY_PATH];

static void write_file(const char *text)
{
    temporary_overwrite(path, text, strlen(text));
}

/* What the stages would take if nobody set anything: a default of the library that was changed and
 * not told to the table would show here. */
static void sets_what_the_library_sets_by_default(void **state)
{
    const rs_evidence_options evidence = RS_EVIDENCE_DEFAULTS;
    const rs_detect_options detect = RS_DETECT_DEFAULTS;
    const rs_seed_options seeds = RS_SEED_DEFAULTS;
    const rs_spread_options spread = RS_SPREAD_DEFAULTS;
    const rs_score_options score = RS_SCORE_DEFAULTS;
    const rs_report_options report = RS_REPORT_DEFAULTS;
    rsi_setting_values values = rsi_setting_presets();
    rsi_settings s = rsi_settings_of(&values);
    (void)state;
    assert_true(s.graph.as_of == RS_NO_TIME);
    assert_memory_equal(&s.evidence, &evidence, sizeof evidence);
    assert_int_equal(s.detect.resolution, 2097); /* .002: looser than the library's, see QUALITY */
    assert_int_equal(s.detect.component_max, detect.component_max);
    assert_int_equal(s.detect.rounds, detect.rounds);
    assert_int_equal(s.detect.random_seed, detect.random_seed);
    assert_int_equal(s.seeds.half_life_days, seeds.half_life_days);
    assert_true(s.spread.damping == spread.damping);
    assert_int_equal(s.spread.ground, spread.ground);
    assert_true(s.spread.tolerance == spread.tolerance);
    assert_memory_equal(&s.score, &score, sizeof score);
    assert_int_equal(s.users_max, report.users_max);
}

static void has_rows_that_are_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < RSI_SETTING_COUNT; i++) {
        const rsi_setting *row = &rsi_setting_rows[i];
        assert_non_null(row->name);
        assert_true(row->min <= row->preset && row->preset <= row->max);
        assert_true(strlen(row->reason) > 20 && strchr(row->reason, '\n') == NULL);
        assert_int_equal(rsi_setting_named(rsi_text(row->name)), i);
        assert_true(row->field != RSI_TO_U32 || row->max <= UINT32_MAX);
        assert_true(row->field != RSI_TO_WEIGHT || row->decimals == 6);
    }
    assert_int_equal(rsi_setting_named(rsi_text("min-score")),
                     rsi_setting_named(rsi_text("min_score")));
    assert_true(rsi_setting_named(rsi_text("min")) == SIZE_MAX);
    assert_true(rsi_setting_named(rsi_text("")) == SIZE_MAX);
}

static void sets_both_ends_of_every_range(void **state)
{
    (void)state;
    for (size_t i = 0; i < RSI_SETTING_COUNT; i++) {
        const rsi_setting *row = &rsi_setting_rows[i];
        const int64_t ends[] = {row->min, row->max};
        for (size_t end = 0; end < 2; end++) {
            char text[32];
            int64_t value = -1;
            rs_error err;
            rsi_setting_format(row, ends[end], text);
            assert_int_equal(rsi_setting_parse(row, rsi_text(text), &value, &err), RS_OK);
            assert_true(value == ends[end]);
            rsi_setting_format(row, ends[end] + (end == 0 ? -1 : 1), text);
            assert_int_equal(rsi_setting_parse(row, rsi_text(text), &value, &err), RS_EUSAGE);
            assert_non_null(strstr(err.message, " is not between "));
        }
    }
}

static void reads_what_it_writes(void **state)
{
    (void)state;
    char *json = NULL;
    char *again = NULL;
    rs_error err;
    rsi_setting_values values = rsi_setting_presets();
    rsi_setting_values read = rsi_setting_presets();
    for (size_t i = 0; i < RSI_SETTING_COUNT; i++) {
        values.of[i] = rsi_setting_rows[i].max;
    }
    assert_int_equal(rsi_settings_json(&values, &json, &err), RS_OK);
    write_file(json);
    assert_int_equal(rsi_settings_kept(&read, path, &err), RS_OK);
    assert_memory_equal(&read, &values, sizeof values);
    assert_int_equal(rsi_settings_json(&read, &again, &err), RS_OK);
    assert_string_equal(json, again);
    free(json);
    free(again);
}

static void takes_a_part_and_leaves_the_rest(void **state)
{
    (void)state;
    rs_error err;
    rsi_setting_values values = rsi_setting_presets();
    rsi_setting_values presets = values;
    size_t damping = rsi_setting_named(rsi_text("damping"));
    write_file("{ \"damping\": 5e-1 }");
    assert_int_equal(rsi_settings_file(&values, path, &err), RS_OK);
    assert_true(values.of[damping] == 500000);
    values.of[damping] = presets.of[damping];
    assert_memory_equal(&values, &presets, sizeof values);
}

static void refuses_with_the_place(void **state)
{
    static const struct {
        const char *text;
        const char *message;
    } rows[] = {
        {"{\"min_scor\": 1}", ":1:2: no setting \"min_scor\"; did you mean \"min_score\"?"},
        {"{\"min-score\": 1}", ":1:2: no setting \"min-score\"; did you mean \"min_score\"?"},
        {"{\"colour of the sky\": 1}", ":1:2: no setting \"colour of the sky\"; \"ringscope"},
        {"{\"seed\": 7,\n \"min_score\": 2}", ":2:15: \"min_score\": 2 is not between 0 and 1"},
        {"{\"seed\": 1.5}", ":1:10: \"seed\": \"1.5\" is not a whole number"},
        {"{\"seed\": \"7\"}", ":1:10: \"seed\": a number was expected, found a string"},
        {"{\"seed\": 1, \"seed\": 2}", ":1:13: key stands twice in this object"},
        {"{\"damping\": 0.12345678}", "\"damping\": 0.12345678 has more than 6 digits behind"},
        {"{\"damping\": 1e99}", "\"damping\": 1e99 is not between 0.000001 and 0.999999"},
        {"[]", ":1:1: an object was expected, found an array"},
        {"{\"seed\": 1", ":1:11: expected"},
        {"", ":1:1: "},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rs_error err;
        rsi_setting_values values = rsi_setting_presets();
        write_file(rows[i].text);
        assert_int_equal(rsi_settings_file(&values, path, &err), RS_EUSAGE);
        if (strstr(err.message, rows[i].message) == NULL) {
            fail_msg("%s: %s", rows[i].text, err.message);
        }
        assert_int_equal(rsi_settings_kept(&values, path, &err), RS_ECORRUPT);
    }
}

static void wants_a_kept_file_whole(void **state)
{
    (void)state;
    rs_error err;
    rsi_setting_values values = rsi_setting_presets();
    write_file("{\"seed\": 1}");
    assert_int_equal(rsi_settings_kept(&values, path, &err), RS_ECORRUPT);
    assert_non_null(strstr(err.message, "no \"pairs_max\""));
    assert_int_equal(remove(path), 0);
    assert_int_equal(rsi_settings_kept(&values, path, &err), RS_ECORRUPT);
    assert_int_equal(rsi_settings_file(&values, path, &err), RS_EUSAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_what_the_library_sets_by_default),
        cmocka_unit_test(has_rows_that_are_whole),
        cmocka_unit_test(sets_both_ends_of_every_range),
        cmocka_unit_test(reads_what_it_writes),
        cmocka_unit_test(takes_a_part_and_leaves_the_rest),
        cmocka_unit_test(refuses_with_the_place),
        cmocka_unit_test(wants_a_kept_file_whole),
    };
    temporary_file(path, ".json", "", 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    remove(path);
    return failed;
}
