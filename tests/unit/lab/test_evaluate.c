/* Evaluation of small reports that were worked out by hand, and of files that are wrong.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
/* WRAP: malloc calloc realloc */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../failing_memory.h"
#include "../temporary.h"
#include "ringscope/lab.h"

/* ---- files ------------------------------------------------------------------------------------
 */

struct folder {
    char path[64];
    char report[96], truth[96], risks[96], blacklist[96];
};

static int make_folder(void **state)
{
    struct folder *f = calloc(1, sizeof *f);
    assert_non_null(f);
    snprintf(f->path, sizeof f->path, "/tmp/rs-evaluate-XXXXXX");
    assert_non_null(mkdtemp(f->path));
    snprintf(f->report, sizeof f->report, "%s/report.json", f->path);
    snprintf(f->truth, sizeof f->truth, "%s/truth.csv", f->path);
    snprintf(f->risks, sizeof f->risks, "%s/risks.csv", f->path);
    snprintf(f->blacklist, sizeof f->blacklist, "%s/blacklist.csv", f->path);
    *state = f;
    return 0;
}

static int remove_folder(void **state)
{
    struct folder *f = *state;
    unlink(f->report);
    unlink(f->truth);
    unlink(f->risks);
    unlink(f->blacklist);
    rmdir(f->path);
    free(f);
    return 0;
}

static void write_file(const char *path, const char *text)
{
    temporary_overwrite(path, text, strlen(text));
}

static const char truth_head[] = "account,ring,kind,hiding,role,lookalike,group\n";

/* Two rings of four and three, a family, and two plain accounts that only the risks know. */
static void write_example(const struct folder *f)
{
    char truth[1024];
    snprintf(truth, sizeof truth, "%s%s", truth_head,
             "a1,r1,lockstep,open,member,,\na2,r1,lockstep,open,member,,\n"
             "a3,r1,lockstep,open,member,,\na4,r1,lockstep,open,member,,\n"
             "b1,r2,bust_out,hidden,member,,\nb2,r2,bust_out,hidden,member,,\n"
             "b3,r2,bust_out,hidden,member,,\n"
             "f1,,,,member,family,family-1\nf2,,,,member,family,family-1\n");
    write_file(f->truth, truth);
    write_file(f->risks, "type,id,risk,ring\n"
                         "account,a1,0.9,\naccount,a2,0.9,\naccount,f1,0.9,\n"
                         "account,a3,0.6,\naccount,p1,0.5,\naccount,a4,0.4,\n"
                         "account,b1,0.3,\naccount,b2,0,\naccount,p2,0,\naccount,f2,0,\n"
                         "device,d1,0.9,\naccount,b3,0,\n");
    write_file(
        f->report,
        "{\"report\": \"ringscope/1\", \"clusters\": [\n"
        " {\"id\": \"R-1\", \"score\": 0.8, \"members\": [\n"
        "   {\"type\": \"account\", \"id\": \"a1\", \"known\": true},\n"
        "   {\"type\": \"account\", \"id\": \"a2\"}, {\"type\": \"account\", \"id\": \"a3\"},\n"
        "   {\"type\": \"account\", \"id\": \"f1\"}, {\"type\": \"device\", \"id\": \"d1\"}]},\n"
        " {\"members\": [{\"type\": \"account\", \"id\": \"b1\"},\n"
        "   {\"type\": \"account\", \"id\": \"p1\"}, {\"type\": \"account\", \"id\": \"p2\"}],\n"
        "  \"score\": 0.3, \"id\": \"R-2\", \"more\": [{\"clusters\": [1]}]}]}\n");
}

static char *evaluate(const struct folder *f, const rs_evaluate_options *options)
{
    rs_error err = {0};
    char *json = NULL;
    if (rs_evaluate(f->report, f->truth, options, NULL, &json, &err) != RS_OK) {
        fail_msg("%s", err.message);
    }
    return json;
}

static void assert_has(const char *json, const char *text)
{
    if (strstr(json, text) == NULL) {
        fail_msg("no %s in %s", text, json);
    }
}

static void assert_fails(const struct folder *f, const rs_evaluate_options *options,
                         rs_status expected, const char *message)
{
    rs_error err = {0};
    char *json = NULL;
    assert_int_equal(rs_evaluate(f->report, f->truth, options, NULL, &json, &err), expected);
    assert_null(json);
    if (strstr(err.message, message) == NULL) {
        fail_msg("\"%s\", expected \"%s\"", err.message, message);
    }
}

/* ---- by hand ----------------------------------------------------------------------------------
 */

/* In order of risk: {a1 a2 f1} a3 p1 a4 b1 {b2 b3 p2 f2}; 7 of 11 bad. Expected places: of the
 * first three two are bad: 2/3 (1 + (1 + 1/2)/2 + (1 + 2/2)/3) = 29/18; then 3/4, 4/6, 5/7; of the
 * last four two are bad: 2/4 (6/8 + (6 + 1/3)/9 + (6 + 2/3)/10 + 7/11). */
static void gives_the_figures_worked_out_by_hand(void **state)
{
    const struct folder *f = *state;
    rs_evaluate_options options = RS_EVALUATE_DEFAULTS;
    write_example(f);
    options.risks = f->risks;
    char *json = evaluate(f, &options);
    double last = (6.0 / 8 + (6 + 1.0 / 3) / 9 + (6 + 2.0 / 3) / 10 + 7.0 / 11) / 2;
    double average = (29.0 / 18 + 3.0 / 4 + 4.0 / 6 + 5.0 / 7 + last) / 7;
    char text[128];
    snprintf(text, sizeof text, "\"average_precision\": %.6f", average);
    assert_has(json, "\"accounts\": 11, \"without_risk\": 0, \"known\": 1, \"rings\": 2");
    assert_has(strstr(json, "including_known"), text);
    /* pairs: a1, a2: 3.5 of 4 each; a3: 3; a4, b1: 2; b2, b3: 1 each */
    snprintf(text, sizeof text, "\"auc\": %.6f", (3.5 + 3.5 + 3 + 2 + 2 + 1 + 1) / 28);
    assert_has(strstr(json, "including_known"), text);
    assert_has(json, "\"excluding_known\": { \"accounts\": 10, \"bad\": 6");
    /* R-1 shares 3 of 5 with r1; R-2 1 of 5 with r2 */
    assert_has(json, "\"recall_top_2r\": 0.500000");
    assert_has(json, "\"recall_suspect\": 0.500000");
    assert_has(json, "\"precision_top_r\": 0.500000");
    assert_has(json, "\"precision_suspect\": 1.000000");
    assert_has(json, "\"pure_top_r\": 0.500000");
    /* rings: 6/8 and 2/6; clusters the same: mean 13/24 */
    assert_has(json, "\"cover_f1\": 0.541667");
    assert_has(json, "\"suspect_clusters\": 1, \"splits\": 0, \"merges\": 0");
    /* R-1, .8, is half one ring and more; R-2, .3, is not */
    assert_has(strstr(json, "\"merges\""), "\"brier\": 0.065000, \"ece\": 0.250000");
    assert_has(strstr(json, "\"merges\""), "{ \"clusters\": 1, \"score\": 0.800000, "
                                           "\"half_one_ring\": 1.000000 }");
    assert_has(json, "{ \"kind\": \"bust_out\", \"rings\": 1, \"accounts\": 3, "
                     "\"recall_top_2r\": 0.000000, \"recall_suspect\": 0.000000, "
                     "\"accounts_suspect\": 0.000000 }");
    assert_has(json,
               "{ \"kind\": \"lockstep\", \"hiding\": \"open\", \"rings\": 1, \"accounts\": 4, "
               "\"recall_top_2r\": 1.000000, \"recall_suspect\": 1.000000, "
               "\"accounts_suspect\": 0.750000 }");
    assert_has(json, "{ \"lookalike\": \"family\", \"accounts\": 2, \"risk_suspect\": 0.500000, "
                     "\"cluster_suspect\": 0.500000 }");
    assert_has(json, "{ \"lookalike\": null, \"accounts\": 2, \"risk_suspect\": 0.500000, "
                     "\"cluster_suspect\": 0.000000 }");
    free(json);
}

static void counts_splits_and_merges(void **state)
{
    const struct folder *f = *state;
    rs_evaluate_options options = RS_EVALUATE_DEFAULTS;
    write_example(f);
    write_file(
        f->report,
        "{\"clusters\": ["
        "{\"id\": \"1\", \"score\": 0.9, \"members\": [{\"type\":\"account\",\"id\":\"a1\"},"
        "{\"type\":\"account\",\"id\":\"a2\"},{\"type\":\"account\",\"id\":\"b1\"},"
        "{\"type\":\"account\",\"id\":\"b2\"}]},"
        "{\"id\": \"2\", \"score\": 0.8, \"members\": [{\"type\":\"account\",\"id\":\"a3\"}]},"
        "{\"id\": \"3\", \"score\": 0.7, \"members\": [{\"type\":\"account\",\"id\":\"a4\"}]}"
        "]}");
    char *json = evaluate(f, &options);
    assert_has(json, "\"splits\": 1, \"merges\": 1");
    free(json);
}

/* A cluster that could be either ring leaves the other one to the cluster that can only be that. */
static void matches_one_to_one_where_greed_would_lose(void **state)
{
    const struct folder *f = *state;
    rs_evaluate_options options = RS_EVALUATE_DEFAULTS;
    write_file(f->truth, "account,ring\na1,A\na2,A\nb1,B\nb2,B\n");
    write_file(f->report,
               "{\"clusters\": ["
               "{\"id\": \"1\", \"score\": 0.9, \"members\": [{\"type\":\"account\",\"id\":\"a1\"},"
               "{\"type\":\"account\",\"id\":\"a2\"},{\"type\":\"account\",\"id\":\"b1\"},"
               "{\"type\":\"account\",\"id\":\"b2\"}]},"
               "{\"id\": \"2\", \"score\": 0.8, \"members\": [{\"type\":\"account\",\"id\":\"a1\"},"
               "{\"type\":\"account\",\"id\":\"a2\"}]}]}");
    char *json = evaluate(f, &options);
    assert_has(json, "\"recall_all\": 1.000000");
    free(json);
}

/* Without a risks file the report's own risks rank, and accounts nobody names can be counted in. */
static void ranks_by_the_report_alone(void **state)
{
    const struct folder *f = *state;
    rs_evaluate_options options = RS_EVALUATE_DEFAULTS;
    write_file(f->truth, "account,ring\na,A\nb,A\nc,A\n");
    write_file(f->report, "{\"clusters\": [{\"id\": \"1\", \"score\": 0.9, \"members\": ["
                          "{\"type\":\"account\",\"id\":\"a\",\"risk\":0.9},"
                          "{\"type\":\"account\",\"id\":\"a\",\"risk\":0.1},"
                          "{\"type\":\"account\",\"id\":\"b\",\"risk\":0.8},"
                          "{\"type\":\"account\",\"id\":\"c\",\"risk\":7e-1}]}]}");
    options.account_count = 100;
    char *json = evaluate(f, &options);
    assert_has(json, "\"accounts\": 100,");
    assert_has(json, "\"repeated_members\": 1");
    assert_has(json, "\"average_precision\": 1.000000");
    assert_has(json, "\"k\": 50, \"precision\": 0.060000, \"lift\": 2.000000");
    assert_has(json, "\"recall_all\": 1.000000");
    free(json);
    options.account_count = 2;
    assert_fails(f, &options, RS_EUSAGE, "2 accounts in all, but the files name 3");
}

static void says_null_where_there_is_no_truth(void **state)
{
    const struct folder *f = *state;
    rs_evaluate_options options = RS_EVALUATE_DEFAULTS;
    write_file(f->truth, "account,ring,lookalike\nf1,,family\n");
    write_file(f->report, "{\"clusters\": []}");
    char *json = evaluate(f, &options);
    assert_has(json, "\"rings\": 0");
    assert_has(json, "\"average_precision\": null, \"average_precision_interval\": null");
    assert_has(json, "\"recall_top_2r\": null, \"recall_top_2r_interval\": null");
    assert_has(json, "\"cover_f1\": null");
    assert_has(json, "\"lookalike\": \"family\", \"accounts\": 1, \"risk_suspect\": 0.000000");
    free(json);
}

static void leaves_the_blacklisted_out(void **state)
{
    const struct folder *f = *state;
    rs_evaluate_options options = RS_EVALUATE_DEFAULTS;
    write_example(f);
    write_file(f->blacklist, "type,id,reason\naccount,a2,x\naccount,nobody,x\ndevice,a3,x\n");
    options.risks = f->risks;
    options.blacklist = f->blacklist;
    options.resamples = 0;
    char *json = evaluate(f, &options);
    assert_has(json, "\"known\": 2,");
    assert_has(json, "\"excluding_known\": { \"accounts\": 9, \"bad\": 5");
    assert_has(json, "\"auc_interval\": null");
    free(json);
}

/* The order of lines in truth and risks is no part of the answer. */
static void gives_the_same_bytes_for_shuffled_lines(void **state)
{
    const struct folder *f = *state;
    rs_evaluate_options options = RS_EVALUATE_DEFAULTS;
    write_example(f);
    options.risks = f->risks;
    char *before = evaluate(f, &options);
    char truth[1024];
    snprintf(truth, sizeof truth, "%s%s", truth_head,
             "f2,,,,member,family,family-1\nb3,r2,bust_out,hidden,member,,\n"
             "a4,r1,lockstep,open,member,,\na1,r1,lockstep,open,member,,\n"
             "f1,,,,member,family,family-1\nb1,r2,bust_out,hidden,member,,\n"
             "a3,r1,lockstep,open,member,,\nb2,r2,bust_out,hidden,member,,\n"
             "a2,r1,lockstep,open,member,,\n");
    write_file(f->truth, truth);
    write_file(f->risks, "risk,id,type\n0,b3,account\n0,f2,account\n0.9,d1,device\n"
                         "0,p2,account\n0,b2,account\n0.3,b1,account\n0.4,a4,account\n"
                         "0.5,p1,account\n0.6,a3,account\n0.9,f1,account\n0.9,a2,account\n"
                         "0.9,a1,account\n");
    char *after = evaluate(f, &options);
    assert_string_equal(before, after);
    free(before);
    free(after);
}

/* ---- wrong files ------------------------------------------------------------------------------
 */

static void names_the_place_of_what_is_wrong_in_a_report(void **state)
{
    const struct folder *f = *state;
    static const struct {
        const char *report, *message;
    } rows[] = {
        {"", ":1:1: the document ends where a value is expected"},
        {"[]", "report.json\":1:1: a report must be an object"},
        {"{\"x\": 1}", "no \"clusters\" in the report"},
        {"{\"clusters\": 5}", "\"clusters\" must be an array"},
        {"{\"clusters\": {}}", "\"clusters\" must be an array"},
        {"{\"clusters\": [0]}", ":1:16: a cluster must be an object"},
        {"{\"clusters\": [[]]}", "a cluster must be an object"},
        {"{\"clusters\": [{}]}", "a cluster needs \"id\", \"score\" and \"members\""},
        {"{\"clusters\": [{\"id\": 3}]}", ":1:22: a cluster's \"id\" must be a string"},
        {"{\"clusters\": [\n{\"score\": 1.5}]}",
         ":2:11: a cluster's \"score\" must be from 0 to 1"},
        {"{\"clusters\": [{\"id\": \"a\", \"score\": 1, \"members\": [{}]}]}",
         "a member needs a \"type\" and an \"id\""},
        {"{\"clusters\": [{\"id\": \"a\", \"score\": 1, \"members\": [1]}]}",
         "a member must be an object"},
        {"{\"clusters\": [{\"id\": \"a\", \"score\": 1, \"members\": []},\n"
         "{\"id\": \"a\", \"score\": 1, \"members\": []}]}",
         "\":2:8: this cluster's \"id\" stands before another one too"},
        {"{\"clusters\": [{\"id\": \"a\", \"score\": 1, \"members\": []", "does not end"},
        {"{\"clusters\": [{\"id\": \"a\", \"score\": 1, \"members\": []}", "expected a comma"},
        {"{\"clusters\": [{\"id\": \"a\", \"score\": 1, \"members\": []} {}]}", "needs \"id\""},
        {"{\"clusters\": []} x", ":1:18"},
        {"{\"clusters\": [], \"clusters\": []}", ":1:"},
        {"{\"clusters\": [], \"a\": 1 2}", ":1:25"},
    };
    rs_evaluate_options options = RS_EVALUATE_DEFAULTS;
    write_example(f);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        write_file(f->report, rows[i].report);
        assert_fails(f, &options, RS_EINPUT, rows[i].message);
    }
}

static void names_the_line_of_what_is_wrong_in_a_table(void **state)
{
    const struct folder *f = *state;
    static const struct {
        const char *truth, *risks, *message;
    } rows[] = {
        {"account\na\n", NULL, "no column \"ring\""},
        {"ring\na\n", NULL, "no column \"account\""},
        {"account,ring\na,A\nb,B\na,A\n", NULL, "truth.csv\":4: account \"a\" has a line before"},
        {"account,ring\n,A\n", NULL, "truth.csv\":2: no account"},
        {"account,ring,kind\na,A,x\nb,A,y\n", NULL,
         "truth.csv\":3: ring \"A\" has another kind or hiding before"},
        {"account,ring\na,A\n", "type,id\naccount,a\n", "no column \"risk\""},
        {"account,ring\na,A\n", "type,id,risk\naccount,a,1.1\n",
         "risks.csv\":2: risk \"1.1\" is not a number from 0 to 1"},
        {"account,ring\na,A\n", "type,id,risk\naccount,a,nan\n", "risk \"nan\" is not"},
        {"account,ring\na,A\n", "type,id,risk\naccount,a,\n", "risk \"\" is not"},
        {"account,ring\na,A\n", "type,id,risk\naccount,a,1\naccount,a,1\n",
         "risks.csv\":3: account \"a\" has a line before"},
        {"account,ring\na,A\n", "type,id,risk\nuser,a,1\n", "no line of type \"account\""},
    };
    write_example(f);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        rs_evaluate_options options = RS_EVALUATE_DEFAULTS;
        write_file(f->truth, rows[i].truth);
        if (rows[i].risks != NULL) {
            write_file(f->risks, rows[i].risks);
            options.risks = f->risks;
        }
        assert_fails(f, &options, RS_EINPUT, rows[i].message);
    }
}

static void refuses_options_that_cannot_be(void **state)
{
    const struct folder *f = *state;
    write_example(f);
    rs_evaluate_options options = RS_EVALUATE_DEFAULTS;
    options.suspect = 1.5;
    assert_fails(f, &options, RS_EUSAGE, "suspect must be 0 to 1, not 1.5");
    options = (rs_evaluate_options)RS_EVALUATE_DEFAULTS;
    options.overlap = 0.4;
    assert_fails(f, &options, RS_EUSAGE, "overlap must be 0.5 to 1, not 0.4");
    options = (rs_evaluate_options)RS_EVALUATE_DEFAULTS;
    options.subject = "";
    assert_fails(f, &options, RS_EUSAGE, "no node type to rank");
    options = (rs_evaluate_options)RS_EVALUATE_DEFAULTS;
    options.risks = "/nowhere/risks.csv";
    assert_fails(f, &options, RS_EUSAGE, "/nowhere/risks.csv");
}

static void survives_every_cut_of_a_report(void **state)
{
    const struct folder *f = *state;
    rs_evaluate_options options = RS_EVALUATE_DEFAULTS;
    char text[4096];
    write_example(f);
    FILE *file = fopen(f->report, "rb");
    assert_non_null(file);
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    while (length > 0 && text[length - 1] != '}') {
        length--;
    }
    for (size_t kept = 0; kept < length; kept++) {
        char copy[4096];
        memcpy(copy, text, kept);
        copy[kept] = '\0';
        write_file(f->report, copy);
        assert_fails(f, &options, RS_EINPUT, f->report);
    }
}

static void survives_every_failed_allocation(void **state)
{
    const struct folder *f = *state;
    rs_evaluate_options options = RS_EVALUATE_DEFAULTS;
    write_example(f);
    options.risks = f->risks;
    options.resamples = 10;
    rs_status status = RS_ENOMEM;
    int failures = 0;
    for (int count = 0; status != RS_OK; count++) {
        rs_error err = {0};
        char *json = NULL;
        allowed = count;
        status = rs_evaluate(f->report, f->truth, &options, NULL, &json, &err);
        allowed = -1;
        if (status != RS_OK) {
            failures++;
            assert_int_equal(status, RS_ENOMEM);
            assert_null(json);
            assert_string_not_equal(err.message, "");
        }
        free(json);
        assert_true(count < 2000);
    }
    assert_true(failures > 20);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(gives_the_figures_worked_out_by_hand),
        WITH_FOLDER(counts_splits_and_merges),
        WITH_FOLDER(matches_one_to_one_where_greed_would_lose),
        WITH_FOLDER(ranks_by_the_report_alone),
        WITH_FOLDER(says_null_where_there_is_no_truth),
        WITH_FOLDER(leaves_the_blacklisted_out),
        WITH_FOLDER(gives_the_same_bytes_for_shuffled_lines),
        WITH_FOLDER(names_the_place_of_what_is_wrong_in_a_report),
        WITH_FOLDER(names_the_line_of_what_is_wrong_in_a_table),
        WITH_FOLDER(refuses_options_that_cannot_be),
        WITH_FOLDER(survives_every_cut_of_a_report),
        WITH_FOLDER(survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
