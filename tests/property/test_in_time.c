/* test_in_time.c - lockstep, relays and cycles against their definitions, on random worlds; and the
 * same bytes whatever the threads and the order of rows.
 *
 * The references know rows only: every two acts, every two payments, every chain is tried. They
 * share the logarithm of base/fixed.h with what they test, nothing else.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "../unit/evidence/small_store.h"

#include "base/fixed.h"
#include "ringscope/evidence.h"

enum { WORLDS = 60, EXPECTED_MAX = 200000, PASSES_MAX = 20000, NODES_MAX = 200 };
#define ONE (UINT64_C(1) << 20)

static small_rows rows;

/* A payment that has a time and two ends. */
typedef struct act {
    uint32_t src, dst;
    int64_t time, amount; /* amount 0: none that counts */
    uint32_t precision_s;
} act;

typedef struct world {
    small_store small;
    rs_evidence_options options;
    uint32_t subjects, others;
    size_t count;
    act acts[SMALL_ROWS_MAX];
    int64_t base;
    uint64_t span; /* and one second */
    uint64_t out[NODES_MAX], in[NODES_MAX];
} world;

static world w;
static rs_link expected[EXPECTED_MAX];
static size_t expected_count;

/* ---- random payments ----------------------------------------------------------------------------
 */

static void name_account(char *id, uint32_t number)
{
    snprintf(id, 12, "a%u", number);
}

static small_row *add_payment(uint32_t src, uint32_t dst, int64_t time, int64_t amount)
{
    char from[12];
    char to[12];
    name_account(from, src);
    name_account(to, dst);
    small_row *row = small_add_at(&rows, PAYS, from, to, time);
    row->amount = amount;
    row->zero = amount == 0;
    return row;
}

/* Strangers' payments, some at the same second, some to oneself, some of nothing or less. */
static void add_strangers(rsi_random *random, uint32_t accounts, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t src = rsi_random_below(random, accounts);
        uint32_t dst = rsi_random_below(random, rsi_random_chance(random, 500) ? 5 : accounts);
        int64_t time = (int64_t)rsi_random_below(random, 30 * 86400) - 10 * 86400;
        time -= rsi_random_chance(random, 100) ? time % 86400 : 0;
        int64_t amount = (int64_t)rsi_random_below(random, 100000) - 5000;
        small_row *row = add_payment(src, dst, time, rsi_random_chance(random, 200) ? 0 : amount);
        row->timed = rsi_random_chance(random, 950);
        row->precision_s = rsi_random_chance(random, 100) ? 3600 : 1;
        row->precision_s = rsi_random_chance(random, 50) ? 400000 : row->precision_s;
    }
}

/* Some who act on the same target within minutes. */
static void add_crowd(rsi_random *random, uint32_t accounts)
{
    uint32_t target = rsi_random_below(random, accounts);
    int64_t time = (int64_t)rsi_random_below(random, 20 * 86400);
    for (uint32_t i = rsi_random_between(random, 2, 9); i > 0; i--) {
        add_payment(rsi_random_below(random, 12), target,
                    time + rsi_random_below(random, 2 * w.options.window_s),
                    rsi_random_between(random, 1, 5000));
    }
}

/* Money that goes on from account to account. */
static void add_chain(rsi_random *random, uint32_t start, uint32_t end)
{
    int64_t time = (int64_t)rsi_random_below(random, 20 * 86400);
    int64_t amount = rsi_random_between(random, 1000, 900000);
    uint32_t from = start;
    for (uint32_t hops = rsi_random_between(random, 2, 7); hops > 0; hops--) {
        uint32_t to = hops == 1 ? end : rsi_random_below(random, 30);
        add_payment(from, to, time, amount);
        time += rsi_random_below(random, w.options.pass_window_s + 1000);
        amount = amount * (int64_t)rsi_random_between(random, 880, 1000) / 1000;
        from = to;
    }
}

static void read_rows(void)
{
    int64_t last = 0;
    w.count = 0;
    w.base = INT64_MAX;
    memset(w.out, 0, sizeof w.out);
    memset(w.in, 0, sizeof w.in);
    for (size_t i = 0; i < rows.count; i++) {
        const small_row *row = &rows.rows[i];
        w.base = row->timed && row->time < w.base ? row->time : w.base;
        if (!row->timed || strcmp(row->src, row->dst) == 0) {
            continue;
        }
        act one = {.src = small_account(&w.small, row->src),
                   .dst = small_account(&w.small, row->dst),
                   .time = row->time,
                   .amount = row->amount > 0 ? row->amount : 0,
                   .precision_s = row->precision_s > 0 ? row->precision_s : 1};
        last = w.count == 0 || one.time > last ? one.time : last;
        w.out[one.src]++;
        w.in[one.dst]++;
        w.acts[w.count++] = one;
    }
    w.span = (uint64_t)(last - w.base) + 1;
}

static void make_world(uint64_t seed)
{
    rsi_random random;
    rsi_random_seed(&random, seed, 3);
    uint32_t accounts = rsi_random_between(&random, 3, 100);
    w.options = (rs_evidence_options)RS_EVIDENCE_DEFAULTS;
    w.options.window_s = rsi_random_between(&random, 1, 5000);
    w.options.pass_window_s = rsi_random_between(&random, 1000, 300000);
    rows.count = 0;
    add_strangers(&random, accounts, rsi_random_below(&random, 800));
    for (uint32_t i = rsi_random_below(&random, 40); i > 0; i--) {
        add_crowd(&random, accounts);
    }
    for (uint32_t i = rsi_random_below(&random, 30); i > 0; i--) {
        uint32_t start = rsi_random_below(&random, 4);
        add_chain(&random, start, rsi_random_chance(&random, 500) ? start : 5);
    }
    w.others = rsi_random_below(&random, 60);
    small_open(&w.small, &rows, w.others);
    w.subjects = rs_graph_subject_count(w.small.graph);
    assert_true(w.subjects <= NODES_MAX);
    read_rows();
}

static void expect(uint32_t a, uint32_t b, uint32_t thing, const char *kind, uint64_t weight,
                   uint32_t users)
{
    rs_link link = {.a = a < b ? a : b, .b = a < b ? b : a, .thing = thing, .users = users};
    while (strcmp(rs_evidence_kind_name(link.kind), kind) != 0) {
        link.kind++;
    }
    link.weight = (uint32_t)weight;
    assert_true(expected_count < EXPECTED_MAX);
    if (weight > 0) {
        expected[expected_count++] = link;
    }
}

static uint64_t ln_all(void)
{
    return rsi_ln_q32(w.subjects);
}

/* ---- lockstep -----------------------------------------------------------------------------------
 */

static bool is_precise(const act *one)
{
    return one->precision_s <= w.options.window_s;
}

static uint64_t hour_of(int64_t time)
{
    return (uint64_t)((time % 86400 + 86400) % 86400) / 3600;
}

static uint64_t clumping;

/* 0 where the two say nothing. */
static uint64_t hit(const act *one, const act *other, uint32_t crowd_max)
{
    const act *first = one->time <= other->time ? one : other;
    uint64_t here = 0;
    uint64_t all = 0;
    uint64_t at_hour = 0;
    if (llabs(one->time - other->time) > w.options.window_s) {
        return 0;
    }
    for (size_t i = 0; i < w.count; i++) {
        const act *beside = &w.acts[i];
        if (beside->dst == one->dst && is_precise(beside)) {
            here += llabs(beside->time - first->time) <= w.options.window_s;
            at_hour += hour_of(beside->time) == hour_of(first->time);
            all++;
        }
    }
    if (here > crowd_max) {
        return 0;
    }
    uint64_t window = 512 * (uint64_t)w.options.window_s; /* two of them, in 1/256 */
    uint64_t hours = at_hour > here ? (at_hour - here) * window / ((w.span / 86400 + 1) * 3600) : 0;
    uint64_t whole = all > here ? (all - here) * window / w.span : 0;
    uint64_t rate = hours > whole ? hours : whole;
    if (rate > 512) {
        return 0;
    }
    uint64_t q = (here - 2) * 256 > rate ? (here - 2) * 256 : rate;
    uint64_t busier = w.out[one->src] > w.out[other->src] ? w.out[one->src] : w.out[other->src];
    uint64_t chance =
        rsi_ln_q32(busier) + rsi_ln_q32(q > 256 ? q : 256) - rsi_ln_q32(256) + clumping;
    uint64_t most = rsi_ln_q32(w.count);
    uint64_t surprise = chance < most ? most - chance : 0;
    return (surprise < ln_all() ? surprise : ln_all()) >> 12;
}

static void expect_pair(uint32_t a, uint32_t b, uint32_t crowd_max)
{
    static uint64_t best[NODES_MAX];
    uint64_t sum = 0;
    uint64_t most = 0;
    uint64_t targets = 0;
    memset(best, 0, sizeof best);
    for (size_t i = 0; i < w.count; i++) {
        for (size_t k = 0; w.acts[i].src == a && k < w.count; k++) {
            const act *one = &w.acts[i];
            const act *other = &w.acts[k];
            if (other->src == b && other->dst == one->dst && is_precise(one) && is_precise(other)) {
                uint64_t surprise = hit(one, other, crowd_max);
                best[one->dst] = surprise > best[one->dst] ? surprise : best[one->dst];
            }
        }
    }
    for (uint32_t x = 0; x < w.subjects; x++) {
        sum += best[x];
        most = best[x] > most ? best[x] : most;
        targets += best[x] > 0;
    }
    uint64_t weight = ((sum - most) << 20) / (ln_all() >> 12);
    weight = weight < ONE * 3 / 2 ? weight : ONE * 3 / 2;
    for (uint32_t x = 0; x < w.subjects && targets >= 2; x++) {
        if (best[x] > 0) {
            expect(a, b, x, "lockstep", weight / targets, 2);
        }
    }
}

/* How many pairs of acts say something. */
static uint64_t count_hits(uint32_t crowd_max)
{
    uint64_t hits = 0;
    for (size_t i = 0; i < w.count; i++) {
        for (size_t k = 0; k < i; k++) {
            const act *one = &w.acts[i];
            const act *other = &w.acts[k];
            hits += one->dst == other->dst && one->src != other->src && is_precise(one) &&
                    is_precise(other) && hit(one, other, crowd_max) > 0;
        }
    }
    return hits;
}

static uint64_t find_clumping(uint64_t hits)
{
    uint64_t by_hour[24] = {0};
    uint64_t squares = 0;
    uint64_t chance = 0;
    for (size_t i = 0; i < w.count; i++) {
        by_hour[hour_of(w.acts[i].time)]++;
    }
    for (int h = 0; h < 24; h++) {
        uint64_t share = w.count > 0 ? (by_hour[h] << 16) / w.count : 0;
        squares += share * share;
    }
    for (uint32_t x = 0; x < w.subjects; x++) {
        if (w.in[x] * 512 * w.options.window_s / w.span <= 512) {
            uint64_t beside = w.in[x] * w.options.window_s * 256 / w.span;
            chance += w.in[x] * (beside > 0 ? beside : 1);
        }
    }
    uint64_t expected_pairs = rsi_ln_q32(chance > 0 ? chance : 1) + rsi_ln_q32(24) +
                              rsi_ln_q32(squares > 0 ? squares : 1);
    uint64_t unit = rsi_ln_q32(UINT64_C(1) << 40);
    uint64_t most = expected_pairs > unit ? expected_pairs - unit : 0;
    uint64_t seen = rsi_ln_q32(hits > 0 ? hits : 1);
    return seen > most ? seen - most : 0;
}

static void expect_lockstep(void)
{
    uint32_t crowd = 2;
    while (crowd < 4096 && !rs_thing_is_hub(rs_thing_weight(w.subjects, crowd + 1, false),
                                            crowd + 1, w.options.resolution)) {
        crowd++;
    }
    clumping = 0;
    clumping = find_clumping(count_hits(crowd));
    for (uint32_t a = 0; a < w.subjects; a++) {
        for (uint32_t b = a + 1; b < w.subjects && w.subjects > 2; b++) {
            expect_pair(a, b, crowd);
        }
    }
}

/* ---- passes -------------------------------------------------------------------------------------
 */

typedef struct pass {
    size_t in, out;
    uint64_t surprise;
} pass;

static pass passes[PASSES_MAX];
static size_t pass_count;

static bool is_passed_on(const act *in, const act *out)
{
    uint32_t window = w.options.pass_window_s;
    return in->amount > 0 && out->amount > 0 && in->precision_s <= window &&
           out->precision_s <= window && out->src == in->dst && out->dst != in->src &&
           out->time > in->time && out->time - in->time <= window && out->amount <= in->amount &&
           out->amount >= in->amount / 10 * 9 + in->amount % 10 * 9 / 10;
}

static uint64_t pass_surprise(const act *in, const act *out)
{
    uint64_t positive = 0;
    uint64_t alike = 0;
    uint64_t habit = 0;
    for (size_t i = 0; i < w.count; i++) {
        const act *one = &w.acts[i];
        bool in_band = one->amount >= out->amount && one->amount <= in->amount;
        positive += one->amount > 0;
        alike += in_band;
        habit += in_band && one->src == out->src;
    }
    uint64_t share = ((alike > 1 ? alike - 1 : 1) << 32) / positive;
    uint64_t expected_acts = w.out[out->src] * share + ((habit - 1) << 32);
    uint64_t gap = (uint64_t)(out->time - in->time) + out->precision_s;
    int64_t nats = rsi_ln_ratio_q32(UINT64_C(1) << 32, expected_acts) +
                   rsi_ln_ratio_q32(w.span, gap > 60 ? gap : 60);
    uint64_t surprise = nats > 0 ? (uint64_t)nats >> 12 : 0;
    return surprise < ln_all() >> 12 ? surprise : ln_all() >> 12;
}

static uint64_t best_pass(size_t in)
{
    uint64_t best = 0;
    for (size_t i = 0; i < pass_count; i++) {
        best = passes[i].in == in && passes[i].surprise > best ? passes[i].surprise : best;
    }
    return best;
}

/* No more surprise than -ln of the share of payments that have as much. */
static void calibrate_passes(void)
{
    static uint64_t best[SMALL_ROWS_MAX];
    uint64_t positive = 0;
    for (size_t i = 0; i < w.count; i++) {
        positive += w.acts[i].amount > 0;
        best[i] = best_pass(i);
    }
    for (size_t i = 0; i < pass_count; i++) {
        uint64_t as_large = 0;
        for (size_t k = 0; k < w.count; k++) {
            as_large += best[k] >= passes[i].surprise;
        }
        uint64_t usual = (uint64_t)rsi_ln_ratio_q32(positive, as_large) >> 12;
        passes[i].surprise = usual < passes[i].surprise ? usual : passes[i].surprise;
    }
}

static void find_passes(void)
{
    pass_count = 0;
    for (size_t i = 0; i < w.count; i++) {
        for (size_t k = 0; k < w.count; k++) {
            if (is_passed_on(&w.acts[i], &w.acts[k])) {
                uint64_t surprise = pass_surprise(&w.acts[i], &w.acts[k]);
                assert_true(pass_count < PASSES_MAX);
                if (surprise >= 3141338) { /* ln 20 */
                    passes[pass_count++] = (pass){.in = i, .out = k, .surprise = surprise};
                }
            }
        }
    }
    calibrate_passes();
}

/* ---- relays -------------------------------------------------------------------------------------
 */

/* The passes from collector c to exit e: how many, and the best of each account between. */
static size_t between(uint32_t c, uint32_t e, uint64_t best[NODES_MAX])
{
    size_t count = 0;
    memset(best, 0, NODES_MAX * sizeof *best);
    for (size_t i = 0; i < pass_count; i++) {
        const act *in = &w.acts[passes[i].in];
        if (in->src == c && w.acts[passes[i].out].dst == e) {
            best[in->dst] = passes[i].surprise > best[in->dst] ? passes[i].surprise : best[in->dst];
            count++;
        }
    }
    return count;
}

static uint64_t exit_surprise(uint32_t c, uint32_t e)
{
    uint64_t direct = 0;
    for (size_t i = 0; i < w.count; i++) {
        direct += w.acts[i].src == c && w.acts[i].dst == e;
    }
    uint64_t by_all = rsi_ln_q32(w.count) - rsi_ln_q32(w.in[e]);
    uint64_t by_own = direct > 0 ? rsi_ln_q32(w.out[c]) - rsi_ln_q32(direct) : UINT64_MAX;
    return by_own < by_all ? by_own : by_all;
}

static void expect_relay(uint32_t c, uint32_t e, uint64_t tried)
{
    static uint64_t best[NODES_MAX];
    uint64_t k = 0;
    uint64_t sum = 0;
    between(c, e, best);
    for (uint32_t x = 0; x < w.subjects; x++) {
        sum += best[x] << 12;
        k += best[x] > 0;
    }
    if (k < 2) {
        return;
    }
    sum += (k - 1) * exit_surprise(c, e);
    uint64_t chosen = k * RSI_ONE_Q32 + rsi_ln_q32(tried);
    chosen += w.out[c] > k ? k * (uint64_t)rsi_ln_ratio_q32(w.out[c], k) : 0;
    uint64_t each = sum > chosen ? (sum - chosen) / k : 0;
    uint64_t weight = (each >> 8 << 20) / (ln_all() >> 8);
    for (uint32_t x = 0; x < w.subjects; x++) {
        if (best[x] > 0) {
            expect(c, x, e, "relay", weight < ONE ? weight : ONE, (uint32_t)k + 2);
            expect(x, e, e, "relay", weight < ONE ? weight : ONE, (uint32_t)k + 2);
        }
    }
}

static void expect_relays(void)
{
    static uint64_t best[NODES_MAX];
    uint64_t tried = 0;
    for (uint32_t c = 0; c < w.subjects; c++) {
        for (uint32_t e = 0; e < w.subjects; e++) {
            tried += between(c, e, best) >= 2;
        }
    }
    for (uint32_t c = 0; c < w.subjects && tried > 0; c++) {
        for (uint32_t e = 0; e < w.subjects; e++) {
            expect_relay(c, e, tried);
        }
    }
}

/* ---- cycles -------------------------------------------------------------------------------------
 */

static uint64_t chains;

/* The best cycle through two accounts: the heaviest, then by start, then the shortest. */
static struct {
    uint64_t weight;
    uint32_t start, hops;
} best_cycle[NODES_MAX][NODES_MAX];

static void keep_cycle(uint32_t one, uint32_t other, uint32_t start, uint64_t weight, uint32_t hops)
{
    uint32_t a = one < other ? one : other;
    uint32_t b = one < other ? other : one;
    bool later = start > best_cycle[a][b].start ||
                 (start == best_cycle[a][b].start && hops > best_cycle[a][b].hops);
    if (weight > best_cycle[a][b].weight || (weight == best_cycle[a][b].weight && !later)) {
        best_cycle[a][b].weight = weight;
        best_cycle[a][b].start = start;
        best_cycle[a][b].hops = hops;
    }
}

static void close_cycle(const size_t *chain, size_t length, uint64_t surprise)
{
    uint32_t start = w.acts[chain[0]].src;
    uint32_t last = w.acts[chain[length - 1]].src;
    uint64_t same = 0;
    for (size_t i = 0; i < w.count; i++) {
        same += w.acts[i].src == last && w.acts[i].dst == start;
    }
    uint64_t chance = ((same - 1) << 20) / w.out[last] + (w.in[start] << 20) / w.count;
    uint64_t sum = (surprise << 12) + (uint64_t)rsi_ln_ratio_q32(ONE + 1, chance == 0    ? 1
                                                                          : chance > ONE ? ONE
                                                                                         : chance);
    uint64_t total = sum > rsi_ln_q32(chains) ? sum - rsi_ln_q32(chains) : 0;
    uint64_t weight = (total / length >> 8 << 20) / (ln_all() >> 8);
    for (size_t i = 0; i < length; i++) {
        for (size_t k = 0; k < i; k++) {
            keep_cycle(w.acts[chain[i]].src, w.acts[chain[k]].src, start,
                       weight < ONE ? weight : ONE, (uint32_t)length);
        }
    }
}

/* Every chain from chain[0 .. length-1] on; counted, or those that close expected. */
static void walk(size_t *chain, size_t length, uint64_t surprise, bool count)
{
    for (size_t i = 0; i < pass_count; i++) {
        const act *next = &w.acts[passes[i].out];
        bool closes = next->dst == w.acts[chain[0]].src;
        bool seen = false;
        if (passes[i].in != chain[length - 1]) {
            continue;
        }
        for (size_t k = 1; k < length; k++) {
            seen = seen || w.acts[chain[k]].src == next->dst;
        }
        if (seen || next->dst == next->src) {
            continue;
        }
        chain[length] = passes[i].out;
        chains += count && length >= 2;
        if (closes && length >= 2 && !count) {
            close_cycle(chain, length + 1, surprise + passes[i].surprise);
        } else if (!closes && length + 1 < 6) {
            walk(chain, length + 1, surprise + passes[i].surprise, count);
        }
    }
}

static void expect_cycles(void)
{
    size_t chain[8];
    chains = 0;
    memset(best_cycle, 0, sizeof best_cycle);
    for (int count = 1; count >= 0; count--) {
        for (size_t i = 0; i < w.count; i++) {
            chain[0] = i;
            walk(chain, 1, 0, count == 1);
        }
    }
    for (uint32_t a = 0; a < w.subjects; a++) {
        for (uint32_t b = a + 1; b < w.subjects; b++) {
            expect(a, b, best_cycle[a][b].start, "cycle", best_cycle[a][b].weight,
                   best_cycle[a][b].hops);
        }
    }
}

/* ---- held against each other --------------------------------------------------------------------
 */

static int by_all(const void *left, const void *right)
{
    const rs_link *a = left;
    const rs_link *b = right;
    const uint32_t keys[][2] = {{a->a, b->a},         {a->b, b->b},           {a->kind, b->kind},
                                {a->thing, b->thing}, {a->weight, b->weight}, {a->users, b->users}};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (keys[i][0] != keys[i][1]) {
            return keys[i][0] < keys[i][1] ? -1 : 1;
        }
    }
    return 0;
}

static void find(unsigned threads, rs_evidence *out)
{
    rs_error err = {0};
    rs_work work = {.threads = threads};
    small_ok(rs_evidence_find(w.small.graph, &w.options, &work, out, &err), &err);
}

static uint64_t seen_by_kind[16];

/* Bursts and fans are test_bursts.c's, and acting on the same targets without times is
 * test_coaction.c's. */
static bool is_looked_at(size_t kind)
{
    const char *name = rs_evidence_kind_name(kind);
    return strcmp(name, "lockstep") == 0 || strcmp(name, "relay") == 0 ||
           strcmp(name, "cycle") == 0;
}

static void check_links(const rs_evidence *evidence)
{
    rs_link *found = malloc((evidence->link_count + 1) * sizeof *found);
    size_t count = 0;
    for (size_t i = 0; i < evidence->link_count; i++) {
        if (is_looked_at(evidence->links[i].kind)) {
            found[count] = evidence->links[i];
            seen_by_kind[found[count].kind]++;
            count++;
        }
    }
    qsort(found, count, sizeof *found, by_all);
    qsort(expected, expected_count, sizeof *expected, by_all);
    assert_int_equal(count, expected_count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(by_all(&found[i], &expected[i]), 0);
    }
    free(found);
}

static void finds_what_the_definitions_say(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < WORLDS; seed++) {
        rs_evidence evidence;
        make_world(seed);
        expected_count = 0;
        expect_lockstep();
        find_passes();
        if (w.subjects > 2) {
            expect_relays();
            expect_cycles();
        }
        find(1, &evidence);
        check_links(&evidence);
        rs_evidence_free(&evidence);
        small_close(&w.small);
    }
    for (size_t kind = 0; kind < rs_evidence_kind_count(); kind++) {
        assert_true(!is_looked_at(kind) || seen_by_kind[kind] > 100);
    }
}

static void shuffle_rows(uint64_t seed)
{
    rsi_random random;
    rsi_random_seed(&random, seed, 4);
    for (size_t i = rows.count; i > 1; i--) {
        size_t k = rsi_random_below(&random, (uint32_t)i);
        small_row held = rows.rows[i - 1];
        rows.rows[i - 1] = rows.rows[k];
        rows.rows[k] = held;
    }
}

static void says_the_same_whatever_the_threads_and_the_order(void **state)
{
    (void)state;
    for (uint64_t seed = 100; seed < 120; seed++) {
        rs_evidence one;
        rs_evidence other;
        make_world(seed);
        find(1, &one);
        small_close(&w.small);
        shuffle_rows(seed);
        small_open(&w.small, &rows, w.others);
        find(3, &other);
        assert_int_equal(one.link_count, other.link_count);
        for (size_t i = 0; i < one.link_count; i++) {
            assert_int_equal(by_all(&one.links[i], &other.links[i]), 0);
        }
        rs_evidence_free(&one);
        rs_evidence_free(&other);
        small_close(&w.small);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_the_definitions_say),
        cmocka_unit_test(says_the_same_whatever_the_threads_and_the_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
