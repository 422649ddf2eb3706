/* test_bustout.c - bust-outs against their definition, on random worlds.
 *
 * The reference knows rows only: it tries every set of largest payments of every account, and every
 * pair of accounts with every card, and counts the night's surges one by one. It shares the
 * logarithm of base/fixed.h with what it tests, nothing else.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "../unit/evidence/small_store.h"

#include "base/fixed.h"
#include "ringscope/evidence.h"

enum { WORLDS = 30, NODES_MAX = 260, CARDS_MAX = 200, WINDOW = 259200, LEVEL = 1 << 18 };
#define LN_20 3141338u
#define LN_2  726817u

typedef struct payment {
    uint32_t from;
    int64_t time, amount;
} payment;

typedef struct surge {
    uint64_t surprise, gap, acts;
    int64_t start, seen;
} surge;

static small_rows rows;
static small_store small;
static uint32_t nodes;
static payment paid[SMALL_ROWS_MAX];
static size_t count;
static uint64_t span;
static int64_t used[NODES_MAX][CARDS_MAX]; /* INT64_MAX: never */
static surge surges[NODES_MAX];
static uint64_t acting;

/* ---- worlds -------------------------------------------------------------------------------------
 */

static void pay(uint32_t i, int64_t time, int64_t amount)
{
    char src[12];
    snprintf(src, sizeof src, "a%u", i);
    small_row *row = small_add_at(&rows, PAYS, src, "shop", time);
    row->amount = amount;
    row->zero = amount == 0;
}

static void use(uint32_t i, uint32_t card, int64_t time)
{
    char src[12];
    char dst[12];
    snprintf(src, sizeof src, "a%u", i);
    snprintf(dst, sizeof dst, "c%u", card);
    small_add_at(&rows, HAS_CARD, src, dst, time);
}

static void make_world(uint64_t seed)
{
    enum { DAY = 86400 };
    rsi_random random;
    rsi_random_seed(&random, seed, 5);
    uint32_t accounts = rsi_random_between(&random, 100, 220);
    uint32_t days = rsi_random_between(&random, 20, 60);
    rows.count = 0;
    for (uint32_t i = 0; i < accounts * 6; i++) {
        int64_t amount = (int64_t)rsi_random_below(&random, 60) - 1;
        pay(rsi_random_below(&random, accounts), rsi_random_below(&random, days * DAY), amount);
    }
    for (uint32_t i = rsi_random_between(&random, 90, 170); i > 0; i--) {
        for (uint32_t k = rsi_random_between(&random, 1, 3); k > 0; k--) {
            use(rsi_random_below(&random, accounts), i, rsi_random_below(&random, days * DAY));
        }
    }
    int64_t out = (int64_t)rsi_random_between(&random, days / 2, days - 2) * DAY;
    for (uint32_t i = 0; i < rsi_random_between(&random, 2, 7); i++) { /* a ring */
        use(i, i, rsi_random_below(&random, days * DAY / 2));
        use(i + 1, i, rsi_random_below(&random, days * DAY / 2));
        for (uint32_t k = 0; k < 6; k++) {
            pay(i, out + rsi_random_below(&random, DAY), 1000 + rsi_random_below(&random, 900));
        }
    }
    small_open(&small, &rows, rsi_random_below(&random, 10));
    nodes = rs_graph_subject_count(small.graph);
    assert_true(nodes <= NODES_MAX);
}

static void read_rows(void)
{
    int64_t low = INT64_MAX;
    int64_t high = INT64_MIN;
    count = 0;
    for (uint32_t a = 0; a < NODES_MAX; a++) {
        for (uint32_t c = 0; c < CARDS_MAX; c++) {
            used[a][c] = INT64_MAX;
        }
    }
    for (size_t i = 0; i < rows.count; i++) {
        const small_row *row = &rows.rows[i];
        uint32_t who = small_account(&small, row->src);
        if (row->relation == PAYS) {
            paid[count++] = (payment){who, row->time, row->amount};
            low = row->time < low ? row->time : low;
            high = row->time > high ? row->time : high;
        } else {
            int64_t *first = &used[who][strtoul(row->dst + 1, NULL, 10)];
            *first = row->time < *first ? row->time : *first;
        }
    }
    span = (uint64_t)(high - low) + 1;
}

/* ---- the definitions ----------------------------------------------------------------------------
 */

static bool is_act(size_t i, uint32_t of)
{
    return paid[i].from == of && paid[i].amount > 0;
}

/* The payments of at least `least` that an account makes: a surge where they are all its largest
 * ones, of which no other one is worth as much. */
static surge largest(uint32_t of, int64_t least)
{
    surge s = {0};
    int64_t low = INT64_MAX;
    int64_t high = INT64_MIN;
    uint64_t all = 0;
    uint64_t within = 0;
    for (size_t i = 0; i < count; i++) {
        all += is_act(i, of);
        if (is_act(i, of) && paid[i].amount >= least) {
            s.acts++;
            low = paid[i].time < low ? paid[i].time : low;
            high = paid[i].time > high ? paid[i].time : high;
        }
    }
    s.gap = (uint64_t)(high - low) + 1;
    s.start = low;
    for (size_t i = 0; i < count; i++) {
        within += is_act(i, of) && paid[i].time >= low && paid[i].time <= high;
    }
    if (s.acts < 3 || s.acts > 8 || s.gap > WINDOW) {
        return s;
    }
    int64_t part = rsi_ln_ratio_q32(span, s.gap < span ? s.gap : span);
    if (within > s.acts) {
        int64_t own = rsi_ln_ratio_q32(all - s.acts, within - s.acts);
        part = own < part ? own : part;
    }
    int64_t nats = (int64_t)(s.acts - 1) * part - (int64_t)rsi_ln_q32(s.acts);
    s.surprise = nats > 0 ? (uint64_t)nats >> 12 : 0;
    return s;
}

static void expect_surge(uint32_t a)
{
    surge best = {.seen = INT64_MAX};
    uint64_t acts = 0;
    for (size_t i = 0; i < count; i++) {
        if (paid[i].from == a) {
            best.seen = paid[i].time < best.seen ? paid[i].time : best.seen;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (is_act(i, a)) {
            surge s = largest(a, paid[i].amount);
            s.seen = best.seen;
            acts++;
            bool fewer = s.surprise == best.surprise && s.acts < best.acts;
            best = s.surprise > best.surprise || fewer ? s : best;
        }
    }
    surges[a] = best;
    acting += acts > 2;
}

static uint64_t level_of(uint64_t surprise)
{
    return surprise / LEVEL < 255 ? surprise / LEVEL : 255;
}

/* Surges of a level and higher, in the slices of time from one to another. */
static uint64_t surges_within(uint64_t level, int64_t low, int64_t high)
{
    const int64_t slice = WINDOW / 8 + 1;
    int64_t first = INT64_MAX;
    uint64_t found = 0;
    for (uint32_t a = 0; a < nodes; a++) {
        if (surges[a].surprise > 0 && surges[a].start < first) {
            first = surges[a].start;
        }
    }
    low = low < first ? -1 : (low - first) / slice;
    for (uint32_t a = 0; a < nodes; a++) {
        int64_t at = (surges[a].start - first) / slice;
        found += surges[a].surprise > 0 && level_of(surges[a].surprise) >= level && at >= low &&
                 at <= (high - first) / slice;
    }
    return found;
}

static uint64_t left_of(const surge *s, int64_t use)
{
    int64_t seen = use < s->seen ? use : s->seen;
    uint64_t there = (uint64_t)(s->start - seen) + s->gap;
    uint64_t less =
        there < span ? (uint64_t)rsi_ln_ratio_q32(span, there) * (s->acts - 1) >> 12 : 0;
    return s->surprise > less ? s->surprise - less : 0;
}

static uint64_t surprise_of(uint32_t a, uint32_t b, uint32_t card)
{
    const surge *one = &surges[a];
    const surge *other = &surges[b];
    int64_t since = used[a][card] > used[b][card] ? used[a][card] : used[b][card];
    if (one->surprise == 0 || other->surprise == 0 || since == INT64_MAX || one->start < since ||
        other->start < since || llabs(one->start - other->start) > WINDOW) {
        return 0;
    }
    uint64_t left = left_of(one, used[a][card]);
    uint64_t right = left_of(other, used[b][card]);
    uint64_t weaker = left < right ? left : right;
    if (weaker == 0) {
        return 0;
    }
    uint64_t level = level_of(weaker);
    uint64_t near_one = surges_within(level, one->start - WINDOW, one->start + WINDOW);
    uint64_t near_other = surges_within(level, other->start - WINDOW, other->start + WINDOW);
    uint64_t near = near_one > near_other ? near_one : near_other;
    int64_t nats = rsi_ln_ratio_q32(acting, surges_within(level, INT64_MIN / 2, INT64_MAX / 2)) +
                   rsi_ln_ratio_q32(acting, near);
    return nats > 0 ? (uint64_t)nats >> 12 : 0;
}

/* ---- held against it ----------------------------------------------------------------------------
 */

static uint64_t pair_surprise[NODES_MAX][NODES_MAX];

/* The best of all cards of each pair; returns the pairs that share one, card by card. */
static uint64_t expect_pairs(void)
{
    uint64_t tried = 0;
    memset(pair_surprise, 0, sizeof pair_surprise);
    for (uint32_t a = 0; a < nodes; a++) {
        for (uint32_t b = a + 1; b < nodes; b++) {
            for (uint32_t c = 0; c < CARDS_MAX; c++) {
                uint64_t s = surprise_of(a, b, c);
                tried += used[a][c] != INT64_MAX && used[b][c] != INT64_MAX;
                pair_surprise[a][b] = s > pair_surprise[a][b] ? s : pair_surprise[a][b];
            }
        }
    }
    return tried;
}

static uint64_t weight_of(uint64_t surprise, uint64_t tried)
{
    uint64_t seen = 0;
    for (uint32_t a = 0; a < nodes; a++) {
        for (uint32_t b = 0; b < nodes; b++) {
            seen += pair_surprise[a][b] >= surprise;
        }
    }
    uint64_t usual = tried > seen ? (uint64_t)rsi_ln_ratio_q32(tried, seen) >> 12 : 0;
    if (surprise < usual + LN_20 || usual < LN_20) {
        return 0;
    }
    uint64_t left = surprise < usual ? surprise : usual;
    uint64_t weight = (left << 20) / (rsi_ln_q32(nodes) >> 12);
    return weight < UINT64_C(1) << 20 ? weight : UINT64_C(1) << 20;
}

static size_t check_links(unsigned threads, uint64_t tried)
{
    rs_evidence evidence;
    rs_error err = {0};
    rs_evidence_options options = RS_EVIDENCE_DEFAULTS;
    rs_work work = {.threads = threads};
    size_t expected = 0;
    size_t found = 0;
    small_ok(rs_evidence_find(small.graph, &options, &work, &evidence, &err), &err);
    for (size_t i = 0; i < evidence.link_count; i++) {
        const rs_link *link = &evidence.links[i];
        if (strcmp(rs_evidence_kind_name(link->kind), "bust_out") == 0) {
            assert_int_equal(link->weight, weight_of(pair_surprise[link->a][link->b], tried));
            found++;
        }
    }
    for (uint32_t a = 0; a < nodes; a++) {
        for (uint32_t b = a + 1; b < nodes; b++) {
            uint64_t s = pair_surprise[a][b];
            expected += s > 0 && weight_of(s, tried) > 0;
        }
    }
    assert_int_equal(found, expected);
    rs_evidence_free(&evidence);
    return found;
}

static void finds_what_the_definition_says(void **state)
{
    size_t found = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= WORLDS; seed++) {
        make_world(seed);
        read_rows();
        acting = 0;
        for (uint32_t a = 0; a < nodes; a++) {
            expect_surge(a);
        }
        found += check_links((unsigned)(1 + seed % 3), expect_pairs());
        small_close(&small);
    }
    assert_true(found > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(finds_what_the_definition_says)};
    return cmocka_run_group_tests_name("bust-outs by their definition", tests, NULL, NULL);
}
