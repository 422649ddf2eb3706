/* test_options.c - the parser of command lines, value by value and error by error.
 *
 * A test's name finishes "it ...".
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

typedef struct sample {
    bool flag;
    const char *word;
    uint64_t count;
    double real;
    uint64_t size;
    int64_t time;
    int64_t span;
    int choice;
    rsi_list list;
} sample;

static const rsi_option table[] = {
    {.name = "flag", .value = RSI_FLAG, .offset = offsetof(sample, flag)},
    {.name = "word", .value = RSI_WORD, .argument = "FILE", .offset = offsetof(sample, word)},
    {.name = "count",
     .value = RSI_COUNT,
     .argument = "N",
     .offset = offsetof(sample, count),
     .min = 1,
     .max = 100},
    {.name = "real",
     .value = RSI_REAL,
     .argument = "X",
     .offset = offsetof(sample, real),
     .min = 0,
     .max = 1},
    {.name = "size", .value = RSI_SIZE, .argument = "SIZE", .offset = offsetof(sample, size)},
    {.name = "time", .value = RSI_TIME, .argument = "TIME", .offset = offsetof(sample, time)},
    {.name = "span", .value = RSI_SPAN, .argument = "SPAN", .offset = offsetof(sample, span)},
    {.name = "choice",
     .value = RSI_CHOICE,
     .argument = "text|json|csv",
     .offset = offsetof(sample, choice)},
    {.name = "list", .value = RSI_LIST, .argument = "X", .offset = offsetof(sample, list)},
    {.name = NULL},
};

static const rsi_command command = {
    .name = "try",
    .words = "STORE [options] FILE...",
    .word_min = 0,
    .word_max = 3,
    .options = table,
    .options_size = sizeof(sample),
};

typedef struct outcome {
    rs_status status;
    sample options;
    rsi_common common;
    rsi_call call;
    rs_error err;
} outcome;

/* Parse `line`, cut at single blanks; "" gives an empty argument. */
static outcome parse(const rsi_command *rules, const char *line)
{
    static char copy[400];
    char *argv[20];
    int argc = 0;
    outcome result = {.status = RS_OK};
    snprintf(copy, sizeof copy, "%s", line);
    for (char *at = copy; at != NULL && line[0] != '\0';) {
        char *blank = strchr(at, ' ');
        if (blank != NULL) {
            *blank = '\0';
        }
        argv[argc++] = at;
        at = blank != NULL ? blank + 1 : NULL;
    }
    result.call.options = &result.options;
    result.status = rsi_parse(rules, argc, argv, &result.common, &result.call, &result.err);
    return result;
}

static void forget(outcome *result)
{
    result->call.options = &result->options;
    rsi_parse_free(&command, &result->call);
}

static void takes_values_behind_blanks_and_equals_signs(void **state)
{
    (void)state;
    outcome got = parse(&command, "a --word x --count=7 --flag b --real 0.25 --size 4G");
    assert_int_equal(got.status, RS_OK);
    assert_string_equal(got.options.word, "x");
    assert_int_equal(got.options.count, 7);
    assert_true(got.options.flag);
    assert_true(got.options.real == 0.25);
    assert_int_equal(got.options.size, UINT64_C(4) << 30);
    assert_int_equal(got.call.word_count, 2);
    assert_string_equal(got.call.words[1], "b");
    forget(&got);
}

static void takes_options_of_every_command(void **state)
{
    (void)state;
    outcome got = parse(&command, "--threads 3 --memory 512M --progress json --quiet");
    assert_int_equal(got.status, RS_OK);
    assert_int_equal(got.common.threads, 3);
    assert_int_equal(got.common.memory_bytes, UINT64_C(512) << 20);
    assert_int_equal(got.common.progress, RSI_PROGRESS_JSON);
    assert_true(got.common.quiet);
    forget(&got);
}

static void ends_options_at_two_dashes(void **state)
{
    (void)state;
    outcome got = parse(&command, "--flag -- --word -");
    assert_int_equal(got.status, RS_OK);
    assert_int_equal(got.call.word_count, 2);
    assert_string_equal(got.call.words[0], "--word");
    assert_string_equal(got.call.words[1], "-");
    forget(&got);
}

static void keeps_every_value_of_a_list(void **state)
{
    (void)state;
    outcome got = parse(&command, "--list a --list=b --list c");
    assert_int_equal(got.status, RS_OK);
    assert_int_equal(got.options.list.count, 3);
    assert_string_equal(got.options.list.words[2], "c");
    forget(&got);
}

static void asks_for_nothing_else_beside_help(void **state)
{
    (void)state;
    rsi_command strict = command;
    strict.word_min = 2;
    outcome got = parse(&strict, "--help");
    assert_int_equal(got.status, RS_OK);
    assert_true(got.common.help);
    forget(&got);
}

static void reads_each_kind_of_value(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        int64_t size, time, span, choice;
    } rows[] = {
        {"--size 1000", 1000, 0, 0, 0},
        {"--size 2k", 2048, 0, 0, 0},
        {"--size 3T", INT64_C(3) << 40, 0, 0, 0},
        {"--time 0", 0, 0, 0, 0},
        {"--time 1772366400", 0, 1772366400, 0, 0},
        {"--time 2026-03-01", 0, 1772409599, 0, 0}, /* the end of that day */
        {"--time 2026-03-01T00:00:00Z", 0, 1772323200, 0, 0},
        {"--time 2026-03-01T12:00:00Z", 0, 1772366400, 0, 0},
        {"--time 2026-03-01T12:00:00+02:00", 0, 1772359200, 0, 0},
        {"--span 90", 0, 0, 90, 0},
        {"--span 30m", 0, 0, 1800, 0},
        {"--span 2w", 0, 0, 1209600, 0},
        {"--choice text", 0, 0, 0, 0},
        {"--choice csv", 0, 0, 0, 2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        outcome got = parse(&command, rows[i].line);
        assert_int_equal(got.status, RS_OK);
        assert_int_equal(got.options.size, rows[i].size);
        assert_int_equal(got.options.time, rows[i].time);
        assert_int_equal(got.options.span, rows[i].span);
        assert_int_equal(got.options.choice, rows[i].choice);
        forget(&got);
    }
}

static void says_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *line, *message;
    } rows[] = {
        {"--wrod x", "try: no option \"--wrod\"; did you mean \"--word\"?"},
        {"--thread=2", "try: no option \"--thread\"; did you mean \"--threads\"?"},
        {"--zzzzzzzz", "try: no option \"--zzzzzzzz\"; \"ringscope try --help\" lists the options"},
        {"-x", "try: no option \"-x\"; options begin with two dashes"},
        {"--word", "try: \"--word\" needs a value (FILE)"},
        {"--flag=1", "try: \"--flag\" takes no value"},
        {"--flag --flag", "try: \"--flag\" is given twice"},
        {"--count x", "try: \"--count\": \"x\" is not a whole number"},
        {"--count -1", "try: \"--count\": \"-1\" is not a whole number"},
        {"--count +1", "try: \"--count\": \"+1\" is not a whole number"},
        {"--count 99999999999999999999",
         "try: \"--count\": \"99999999999999999999\" is not a whole "
         "number"},
        {"--count 0", "try: \"--count\": 0 is not between 1 and 100"},
        {"--count 101", "try: \"--count\": 101 is not between 1 and 100"},
        {"--real 1.5", "try: \"--real\": 1.5 is not between 0 and 1"},
        {"--real nan", "try: \"--real\": \"nan\" is not a number"},
        {"--real 0x1", "try: \"--real\": \"0x1\" is not a number"},
        {"--real=", "try: \"--real\": \"\" is not a number"},
        {"--size 4GB", "try: \"--size\": \"4GB\" is not a size such as 512M or 4G"},
        {"--size 0", "try: \"--size\": \"0\" is not a size such as 512M or 4G"},
        {"--size 9999999999T", "try: \"--size\": \"9999999999T\" is not a size such as 512M or 4G"},
        {"--memory 1K", "try: \"--memory\": 1K is too little; 64M is the least that would do"},
        {"--memory 67108863",
         "try: \"--memory\": 67108863 is too little; 64M is the least that would do"},
        {"--span 3y", "try: \"--span\": \"3y\" is not a time span such as 90s, 30m, 6h, 7d or 2w"},
        {"--choice xml", "try: \"--choice\": \"xml\" is not one of text|json|csv"},
        {"--choice tex", "try: \"--choice\": \"tex\" is not one of text|json|csv"},
        {"a b c d",
         "try: \"d\" is one word too many; usage: ringscope try STORE [options] FILE..."},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        outcome got = parse(&command, rows[i].line);
        assert_int_equal(got.status, RS_EUSAGE);
        assert_string_equal(got.err.message, rows[i].message);
        forget(&got);
    }
}

static void refuses_a_time_that_is_none(void **state)
{
    (void)state;
    static const char *const rows[] = {"--time 2026-02-30", "--time 2026-3-1", "--time soon",
                                       "--time=", "--time 2026-03-01T25:00:00Z"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        outcome got = parse(&command, rows[i]);
        assert_int_equal(got.status, RS_EUSAGE);
        assert_non_null(strstr(got.err.message, "a time such as 2026-03-01"));
        forget(&got);
    }
}

static void asks_for_what_is_missing(void **state)
{
    (void)state;
    rsi_option needed[] = {{.name = "word",
                            .value = RSI_WORD,
                            .argument = "FILE",
                            .offset = offsetof(sample, word),
                            .required = true},
                           {.name = NULL}};
    rsi_command strict = command;
    strict.options = needed;
    outcome got = parse(&strict, "a");
    assert_int_equal(got.status, RS_EUSAGE);
    assert_string_equal(got.err.message, "try: \"--word FILE\" is missing");
    forget(&got);
    strict.word_min = 1;
    got = parse(&strict, "--word x");
    assert_int_equal(got.status, RS_EUSAGE);
    assert_string_equal(got.err.message,
                        "try: something is missing; usage: ringscope try STORE [options] FILE...");
    forget(&got);
}

static void finds_the_name_that_was_meant(void **state)
{
    (void)state;
    static const char *const names[] = {"ingest", "run", "show", "stats", "verify"};
    static const struct {
        const char *typed, *meant;
    } rows[] = {{"ingets", "ingest"}, {"stat", "stats"}, {"rnu", "run"}, {"verfiy", "verify"},
                {"serve", NULL},      {"", NULL},        {"x", NULL},    {"injest", "ingest"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *nearest = rsi_nearest(rows[i].typed, names, 5);
        if (rows[i].meant == NULL) {
            assert_null(nearest);
        } else {
            assert_string_equal(nearest, rows[i].meant);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_values_behind_blanks_and_equals_signs),
        cmocka_unit_test(takes_options_of_every_command),
        cmocka_unit_test(ends_options_at_two_dashes),
        cmocka_unit_test(keeps_every_value_of_a_list),
        cmocka_unit_test(asks_for_nothing_else_beside_help),
        cmocka_unit_test(reads_each_kind_of_value),
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(refuses_a_time_that_is_none),
        cmocka_unit_test(asks_for_what_is_missing),
        cmocka_unit_test(finds_the_name_that_was_meant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
