/* test_train.c - what is learned of a world whose truth is known; skipped where there is no
 * XGBoost.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/random.h"
#include "learn/booster.h"
#include "learn/train.h"

enum { SUBJECTS = 1500, RING = 5, COLUMNS = 3 };

static float values[COLUMNS][SUBJECTS];
static int64_t first_seen[SUBJECTS];
static uint8_t bad[SUBJECTS], left_out[SUBJECTS];
static uint64_t group[SUBJECTS];
static rsi_feature columns[COLUMNS] = {
    {.name = (char[]){"evidence"}, .rising = true, .values = values[0]},
    {.name = (char[]){"noise"}, .values = values[1]},
    {.name = (char[]){"ring"}, .values = values[2]}};
static rsi_features features = {
    .subjects = SUBJECTS, .count = COLUMNS, .all = columns, .first_seen = first_seen};
static rsi_learn_input input = {
    .subject = "account", .features = &features, .bad = bad, .left_out = left_out, .group = group};
static rsi_learn_options options = RSI_LEARN_DEFAULTS;

/* Rings of five, bad by a chance that rises with their evidence (`signal`) or by chance alone. The
 * last column tells rings apart: whoever trains on a ring's other members knows its answer. */
static void make_world(bool signal)
{
    rsi_random random;
    rsi_random_seed(&random, 11, signal);
    memset(left_out, 0, sizeof left_out);
    options.rounds = 40;
    options.bags = 1;
    for (uint32_t v = 0; v < SUBJECTS; v++) {
        uint32_t ring = v / RING;
        if (v % RING == 0) {
            uint64_t draw = rsi_random_below(&random, 100);
            values[0][v] = (float)rsi_random_below(&random, 100);
            bad[v] = signal ? draw < (uint64_t)values[0][v] * 4 / 10 : draw < 20;
        }
        values[0][v] = values[0][v - v % RING];
        bad[v] = bad[v - v % RING];
        values[1][v] = (float)rsi_random_below(&random, 1000);
        values[2][v] = (float)ring;
        group[v] = rsi_hash64(&ring, sizeof ring, 0);
        first_seen[v] = v;
    }
}

/* The chance that a bad one stands above an honest one. */
static double auc(const double *chance)
{
    double won = 0, pairs = 0;
    for (uint32_t a = 0; a < SUBJECTS; a++) {
        for (uint32_t b = 0; bad[a] && b < SUBJECTS; b++) {
            if (!bad[b] && !isnan(chance[a]) && !isnan(chance[b])) {
                won += chance[a] > chance[b] ? 1 : chance[a] == chance[b] ? 0.5 : 0;
                pairs += 1;
            }
        }
    }
    return won / pairs;
}

static rs_status learn(unsigned threads, rsi_learned *learned, rs_error *err)
{
    rs_work work = {.threads = threads};
    return rsi_learn(&input, &options, &work, learned, err);
}

static void learns_what_can_be_learned(void **state)
{
    (void)state;
    rsi_learned learned;
    rs_error err;
    make_world(true);
    assert_int_equal(learn(2, &learned, &err), RS_OK);
    assert_true(auc(learned.by_ring) > 0.6);
    assert_true(auc(learned.by_time) > 0.6);
    double mean = 0, share = 0;
    for (uint32_t v = 0; v < SUBJECTS; v++) {
        assert_true(learned.fold[v] == learned.fold[v - v % RING]); /* rings stay together */
        assert_true(isnan(learned.by_time[v]) == isnan(learned.by_time[v - v % RING]));
        mean += learned.by_ring[v] / SUBJECTS;
        share += (double)bad[v] / SUBJECTS;
    }
    assert_true(fabs(mean - share) < 0.02); /* calibrated */
    rsi_learned_free(&learned);
}

/* Who is listed takes no part, but a ring whose only early member is listed began before. */
static void dates_rings_by_all_their_members(void **state)
{
    (void)state;
    rsi_learned learned;
    rs_error err;
    make_world(true);
    for (uint32_t v = SUBJECTS - 200; v < SUBJECTS; v += RING) {
        left_out[v] = 1;
        if (v < SUBJECTS - 100) {
            first_seen[v] = 0;
        }
    }
    assert_int_equal(learn(2, &learned, &err), RS_OK);
    for (uint32_t v = SUBJECTS - 200; v < SUBJECTS; v++) {
        assert_int_equal(isnan(learned.by_time[v]) != 0, v < SUBJECTS - 100 || left_out[v]);
    }
    rsi_learned_free(&learned);
}

/* With a column that gives every ring away, folds that cut rings would look perfect. */
static void is_not_fooled_by_rings_it_has_seen(void **state)
{
    (void)state;
    rsi_learned learned;
    rs_error err;
    make_world(false);
    rs_status status = learn(2, &learned, &err);
    if (status == RS_OK) {
        assert_true(auc(learned.by_ring) < 0.6);
        rsi_learned_free(&learned);
    } else {
        assert_int_equal(status, RS_EINPUT);
        assert_non_null(strstr(err.message, "nothing could be learned"));
    }
}

static void rises_with_every_kind_of_evidence(void **state)
{
    (void)state;
    rsi_learned learned;
    rs_error err;
    make_world(true);
    assert_int_equal(learn(2, &learned, &err), RS_OK);
    for (uint32_t v = 0; v < SUBJECTS; v += 50) {
        float own = values[0][v];
        uint32_t before = 0;
        for (int evidence = 0; evidence <= 110; evidence += 2) {
            values[0][v] = (float)evidence;
            uint32_t risk = rsi_model_risk(&learned.model, &features, v);
            assert_true(risk >= before);
            before = risk;
        }
        values[0][v] = own;
    }
    rsi_learned_free(&learned);
}

static void gives_the_same_bytes_for_any_threads(void **state)
{
    (void)state;
    char digest[33] = "";
    make_world(true);
    for (unsigned threads = 1; threads <= 3; threads++) {
        rsi_learned learned;
        rs_error err;
        rsi_buffer text = {0};
        assert_int_equal(learn(threads, &learned, &err), RS_OK);
        assert_int_equal(rsi_model_write(&learned.model, &text, &err), RS_OK);
        assert_true(digest[0] == '\0' || strcmp(digest, learned.model.digest) == 0);
        memcpy(digest, learned.model.digest, sizeof digest);
        rsi_buffer_free(&text);
        rsi_learned_free(&learned);
    }
}

static void needs_enough_to_learn_from(void **state)
{
    (void)state;
    rsi_learned learned;
    rs_error err;
    make_world(true);
    memset(left_out, 1, SUBJECTS - 50);
    assert_int_equal(learn(2, &learned, &err), RS_EINPUT);
    assert_non_null(strstr(err.message, "at least 20 of each are needed"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learns_what_can_be_learned),
        cmocka_unit_test(dates_rings_by_all_their_members),
        cmocka_unit_test(is_not_fooled_by_rings_it_has_seen),
        cmocka_unit_test(rises_with_every_kind_of_evidence),
        cmocka_unit_test(gives_the_same_bytes_for_any_threads),
        cmocka_unit_test(needs_enough_to_learn_from),
    };
    rs_error err;
    if (rsi_booster_check(&err) != RS_OK) {
        printf("skipped: %s\n", err.message);
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
