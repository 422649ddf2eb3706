/* bustout.c - accounts that share a thing two by two, and later do more than ever, at the same
 * time.
 *
 * Null model: when an account has its surge (surge.c), and how large it is, has nothing to do with
 * whose card it once used. So for two of N accounts that act at all
 *
 *     p = n / N * c / N       n: accounts whose surge is at least as surprising as the weaker of
 *                             the two; c: those of them that begin as near to one of the two
 *
 * n and c are the night's own: a sale, a payday or a holiday, when everybody spends, is no
 * coincidence, and on data where everybody has surges they say little. All pairs that share a thing
 * are tried, and the night says what is left of a surprise (night.h): chance makes some, and what
 * many sharers do is no surprise.
 *
 * Both surges begin after both use the thing: what comes before was no fruit of it. And an account
 * was quiet before: its surge is as surprising as the time from its first act or first use to its
 * end lets it be; who has just come does all it does in a short while.
 *
 * Look-alikes: a couple that moves house (some pair of thousands does, and no more than that), a
 * family on its first day with an app (nothing was before), Christmas (c), a firm's cards at the
 * end of the year (c, and a hub's users are no pair). Who shares a place only shares no card.
 *
 * A link joins the two, its thing the one that they share, the one of the fewest users where they
 * share several. Cost: O(uses), and one reading of the times of a relation that has such pairs;
 * REACH neighbours in time of each user of a thing; 4 bytes a subject, 48 a pair found.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "evidence/kind.h"

#include <stdlib.h>
#include <string.h>

#include "base/fixed.h"
#include "base/sort_entries.h"
#include "base/try.h"
#include "evidence/night.h"
#include "graph/internal.h"

enum { REACH = 16, LEVELS = 256, SLICES_MAX = 4096, SLICES_A_WINDOW = 8, LEVEL_BITS = 18 };

/* Two users of one thing whose surges begin within the window. */
typedef struct couple {
    uint32_t a, b; /* a < b */
    uint32_t thing, users;
    uint32_t relation;
    uint32_t surprise; /* nats, Q20 */
    int64_t use[2];    /* the first ones; INT64_MAX: none with a time is known */
} couple;

typedef struct couples {
    couple *items;
    size_t count, room;
} couples;

/* How many surges begin in a slice of time or an earlier one and are of a level or a higher one. */
typedef struct calendar {
    int64_t base, slice_s;
    size_t slices;
    uint32_t *counts; /* [slice + 1][level]; slice 0 is before all */
} calendar;

typedef struct finder {
    const rsi_kind_input *input;
    uint32_t window_s;
    rsi_surge *surges; /* one an account, ascending by node */
    size_t surge_count;
    uint32_t *surge_of; /* by subject; RS_NO_NODE: none */
    uint64_t acting;    /* accounts that did enough to have one */
    uint64_t tried;     /* pairs that share a thing */
    calendar calendar;
    couples found;
} finder;

/* ---- the night's surges ------------------------------------------------------------------------
 */

static int by_node(const void *left, const void *right)
{
    const rsi_surge *a = left;
    const rsi_surge *b = right;
    if (a->node != b->node) {
        return a->node < b->node ? -1 : 1;
    }
    if (a->surprise != b->surprise) {
        return a->surprise > b->surprise ? -1 : 1;
    }
    return (a->relation > b->relation) - (a->relation < b->relation);
}

/* Of each account the best one of all relations, and when it was seen first. */
static rs_status gather(finder *f, rs_error *err)
{
    const rsi_kind_input *input = f->input;
    size_t total = 0;
    size_t at = 0;
    for (size_t r = 0; r < input->relation_count; r++) {
        total += input->surges[r].count;
        f->acting = input->surges[r].tried > f->acting ? input->surges[r].tried : f->acting;
    }
    f->surges = malloc((total + 1) * sizeof *f->surges);
    if (f->surges == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu surges)", total);
    }
    for (size_t r = 0; r < input->relation_count; r++) {
        for (size_t i = 0; i < input->surges[r].count; i++) {
            f->surges[at] = input->surges[r].items[i];
            f->surges[at++].relation = (uint16_t)r;
        }
    }
    qsort(f->surges, total, sizeof *f->surges, by_node);
    for (size_t i = 0; i < total; i++) {
        rsi_surge *last = f->surge_count > 0 ? &f->surges[f->surge_count - 1] : NULL;
        if (last != NULL && last->node == f->surges[i].node) {
            last->seen = f->surges[i].seen < last->seen ? f->surges[i].seen : last->seen;
        } else {
            f->surges[f->surge_count++] = f->surges[i];
        }
    }
    return RS_OK;
}

static size_t level_of(uint32_t surprise)
{
    size_t level = surprise >> LEVEL_BITS; /* quarters of a nat */
    return level < LEVELS ? level : LEVELS - 1;
}

static size_t slice_of(const calendar *c, int64_t time)
{
    if (time < c->base) {
        return 0;
    }
    uint64_t slice = ((uint64_t)time - (uint64_t)c->base) / (uint64_t)c->slice_s;
    return slice < c->slices ? (size_t)slice + 1 : c->slices;
}

static rs_status make_calendar(finder *f, rs_error *err)
{
    calendar *c = &f->calendar;
    int64_t low = INT64_MAX;
    int64_t high = INT64_MIN;
    for (size_t i = 0; i < f->surge_count; i++) {
        low = f->surges[i].start < low ? f->surges[i].start : low;
        high = f->surges[i].start > high ? f->surges[i].start : high;
    }
    uint64_t span = (uint64_t)high - (uint64_t)low + 1;
    uint64_t slice = f->window_s / SLICES_A_WINDOW + 1;
    slice = slice > span / SLICES_MAX ? slice : span / SLICES_MAX + 1;
    *c = (calendar){.base = low, .slice_s = (int64_t)slice, .slices = (size_t)(span / slice) + 1};
    c->counts = calloc((c->slices + 1) * LEVELS, sizeof *c->counts);
    if (c->counts == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu slices of time)", c->slices);
    }
    for (size_t i = 0; i < f->surge_count; i++) {
        const rsi_surge *s = &f->surges[i];
        c->counts[slice_of(c, s->start) * LEVELS + level_of(s->surprise)]++;
    }
    for (size_t slice_at = 1; slice_at <= c->slices; slice_at++) {
        uint32_t *row = &c->counts[slice_at * LEVELS];
        uint32_t higher = 0;
        for (size_t level = LEVELS; level-- > 0;) {
            higher += row[level];
            row[level] = row[level - LEVELS] + higher;
        }
    }
    return RS_OK;
}

/* Accounts with a surge at least as surprising that begins within the window around `time`, or a
 * little farther. */
static uint64_t as_near(const finder *f, int64_t time, uint32_t surprise)
{
    const calendar *c = &f->calendar;
    size_t level = level_of(surprise);
    size_t low = slice_of(c, time - (int64_t)f->window_s);
    size_t high = slice_of(c, time + (int64_t)f->window_s);
    return c->counts[high * LEVELS + level] - c->counts[(low > 0 ? low - 1 : 0) * LEVELS + level];
}

/* ---- who shares --------------------------------------------------------------------------------
 */

static rs_status note(finder *f, couple found, rs_error *err)
{
    couples *list = &f->found;
    if (list->count == list->room) {
        size_t room = list->room == 0 ? 256 : list->room * 2;
        couple *items = realloc(list->items, room * sizeof *items);
        if (items == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (%zu pairs of accounts)", room);
        }
        list->items = items;
        list->room = room;
    }
    found.use[0] = found.use[1] = INT64_MAX;
    list->items[list->count++] = found;
    return RS_OK;
}

static int by_start(const void *left, const void *right)
{
    const rsi_surge *a = left;
    const rsi_surge *b = right;
    if (a->start != b->start) {
        return a->start < b->start ? -1 : 1;
    }
    return (a->node > b->node) - (a->node < b->node);
}

/* The users of a thing that have a surge, each with the next ones in time. */
static rs_status pair_users(finder *f, couple like, rsi_surge *own, size_t count, rs_error *err)
{
    rs_status status = RS_OK;
    qsort(own, count, sizeof *own, by_start);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = i + 1; j < count && j <= i + REACH; j++) {
            if ((uint64_t)own[j].start - (uint64_t)own[i].start > f->window_s) {
                break;
            }
            bool in_order = own[i].node < own[j].node;
            like.a = in_order ? own[i].node : own[j].node;
            like.b = in_order ? own[j].node : own[i].node;
            RS_TRY(note(f, like, err));
        }
    }
done:
    return status;
}

static rs_status seek_sharers(finder *f, size_t relation, rsi_surge *scratch, rs_error *err)
{
    rs_status status = RS_OK;
    const rs_groups *groups = &f->input->all_groups[relation];
    uint64_t subjects = rs_graph_subject_count(f->input->graph);
    for (uint32_t g = 0; g < groups->count; g++) {
        const uint32_t *users = groups->users + groups->first[g];
        uint64_t count = groups->first[g + 1] - groups->first[g];
        uint32_t weight = rs_thing_weight(subjects, count, false);
        size_t own = 0;
        if (rs_thing_is_hub(weight, count, f->input->options->resolution)) {
            continue;
        }
        f->tried += count * (count - 1) / 2;
        for (uint64_t i = 0; i < count; i++) {
            uint32_t surge = f->surge_of[users[i]];
            if (surge != RS_NO_NODE) {
                scratch[own++] = f->surges[surge];
            }
        }
        couple like = {
            .thing = groups->things[g], .users = (uint32_t)count, .relation = (uint32_t)relation};
        RS_TRY(pair_users(f, like, scratch, own, err));
    }
done:
    return status;
}

/* ---- since when --------------------------------------------------------------------------------
 */

/* The place of (user, thing) among sorted keys, or `count`. */
static size_t place_of(const rsi_record *keys, size_t count, uint64_t key)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (keys[middle].key < key) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < count && keys[low].key == key ? low : count;
}

/* Of each use wanted (key: user << 32 | thing) the first time. */
static rs_status read_first_uses(const finder *f, size_t relation, const rsi_record *wanted,
                                 int64_t *first, size_t count, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_edge_stream stream = {0};
    rs_edges run = {0};
    RS_TRY(rsi_edge_stream_open(&stream, f->input->graph, relation, RS_SCAN_TIME, err));
    uint32_t subjects = rs_graph_subject_count(f->input->graph);
    do {
        RS_TRY(rsi_edge_stream_next(&stream, &run, err));
        for (size_t i = 0; run.time != NULL && i < run.count; i++) {
            uint32_t src = stream.src.node_of[run.src[i]];
            uint32_t dst = stream.dst.node_of[run.dst[i]];
            uint32_t user = src < subjects ? src : dst;
            bool coarse = run.precision_s != NULL && run.precision_s[i] > f->window_s;
            if (f->surge_of[user] == RS_NO_NODE || run.time[i] == RS_NO_TIME || coarse) {
                continue;
            }
            uint64_t key = (uint64_t)user << 32 | (src < subjects ? dst : src);
            size_t place = place_of(wanted, count, key);
            if (place < count && run.time[i] < first[place]) {
                first[place] = run.time[i];
            }
        }
    } while (run.count > 0);
done:
    rsi_edge_stream_close(&stream);
    return status;
}

/* The couples from .. found.count - 1 are of one relation. */
static rs_status date_couples(finder *f, size_t relation, size_t from, rs_error *err)
{
    rs_status status = RS_OK;
    size_t count = 2 * (f->found.count - from);
    size_t kept = 0;
    rsi_record *wanted = malloc((count + 1) * sizeof *wanted);
    int64_t *first = malloc((count + 1) * sizeof *first);
    if (wanted == NULL || first == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%zu uses of things)", count);
        goto done;
    }
    for (size_t i = 0; i < count; i++) {
        const couple *c = &f->found.items[from + i / 2];
        wanted[i].key = (uint64_t)(i % 2 == 0 ? c->a : c->b) << 32 | c->thing;
    }
    RS_TRY(rsi_sort_records(wanted, count, NULL, err));
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || wanted[i].key != wanted[kept - 1].key) {
            first[kept] = INT64_MAX;
            wanted[kept++].key = wanted[i].key;
        }
    }
    RS_TRY(read_first_uses(f, relation, wanted, first, kept, err));
    for (size_t i = 0; i < count; i++) {
        couple *c = &f->found.items[from + i / 2];
        uint64_t key = (uint64_t)(i % 2 == 0 ? c->a : c->b) << 32 | c->thing;
        c->use[i % 2] = first[place_of(wanted, kept, key)];
    }
done:
    free(first);
    free(wanted);
    return status;
}

/* ---- how surprising ----------------------------------------------------------------------------
 */

/* What is left of a surge where the time in which it could have come is only that from when the
 * account was seen first to its end; nats, Q20. */
static uint32_t since_seen(const finder *f, const rsi_surge *surge, int64_t use)
{
    int64_t seen = use < surge->seen ? use : surge->seen;
    uint64_t there = (uint64_t)surge->start - (uint64_t)seen + surge->gap_s;
    uint64_t span = (uint64_t)f->input->surges[surge->relation].span_s + 1;
    if (there >= span) {
        return surge->surprise;
    }
    uint64_t less = (uint64_t)rsi_ln_ratio_q32(span, there) * (surge->acts - 1u) >> 12;
    return surge->surprise > less ? surge->surprise - (uint32_t)less : 0;
}

/* -ln p, Q20; 0 where one is from before they came to share. */
static uint32_t surprise_of(const finder *f, const couple *c)
{
    const rsi_surge *a = &f->surges[f->surge_of[c->a]];
    const rsi_surge *b = &f->surges[f->surge_of[c->b]];
    int64_t since = c->use[0] > c->use[1] ? c->use[0] : c->use[1];
    if (a->start < since || b->start < since) {
        return 0;
    }
    uint32_t one = since_seen(f, a, c->use[0]);
    uint32_t other = since_seen(f, b, c->use[1]);
    uint32_t weaker = one < other ? one : other;
    if (weaker == 0) {
        return 0;
    }
    const calendar *all = &f->calendar;
    uint64_t anywhen = all->counts[all->slices * LEVELS + level_of(weaker)];
    uint64_t near_a = as_near(f, a->start, weaker);
    uint64_t near_b = as_near(f, b->start, weaker);
    uint64_t near = near_a > near_b ? near_a : near_b;
    int64_t nats = rsi_ln_ratio_q32(f->acting, anywhen) + rsi_ln_ratio_q32(f->acting, near);
    return nats > 0 ? (uint32_t)(nats >> 12) : 0;
}

static int by_pair(const void *left, const void *right)
{
    const couple *a = left;
    const couple *b = right;
    if (a->a != b->a) {
        return a->a < b->a ? -1 : 1;
    }
    if (a->b != b->b) {
        return a->b < b->b ? -1 : 1;
    }
    if (a->surprise != b->surprise) {
        return a->surprise > b->surprise ? -1 : 1;
    }
    if (a->users != b->users) {
        return a->users < b->users ? -1 : 1;
    }
    if (a->thing != b->thing) {
        return a->thing < b->thing ? -1 : 1;
    }
    return (a->relation > b->relation) - (a->relation < b->relation);
}

/* Of each pair the best couple; those without a surprise go. */
static void keep_best(finder *f)
{
    size_t kept = 0;
    for (size_t i = 0; i < f->found.count; i++) {
        f->found.items[i].surprise = surprise_of(f, &f->found.items[i]);
    }
    if (f->found.count > 1) {
        qsort(f->found.items, f->found.count, sizeof *f->found.items, by_pair);
    }
    for (size_t i = 0; i < f->found.count; i++) {
        const couple *c = &f->found.items[i];
        bool again = i > 0 && c[-1].a == c->a && c[-1].b == c->b;
        if (c->surprise > 0 && !again) {
            f->found.items[kept++] = *c;
        }
    }
    f->found.count = kept;
}

static rs_status link_all(const finder *f, rsi_link_list *out, rs_error *err)
{
    rs_status status = RS_OK;
    uint64_t ln_all = rsi_ln_q32(rs_graph_subject_count(f->input->graph)) >> 12;
    rsi_night night;
    uint64_t *values = malloc((f->found.count + 1) * sizeof *values);
    if (values == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu pairs of accounts)", f->found.count);
    }
    for (size_t i = 0; i < f->found.count; i++) {
        values[i] = f->found.items[i].surprise;
    }
    RS_TRY(rsi_night_make(&night, values, f->found.count, f->tried, f->tried, err));
    for (size_t i = 0; i < f->found.count; i++) {
        const couple *c = &f->found.items[i];
        rsi_kind_input input = *f->input;
        uint64_t weight = (rsi_night_surprise(&night, c->surprise, 1) << 20) / ln_all;
        weight = weight < UINT32_C(1) << 20 ? weight : UINT32_C(1) << 20;
        rs_link link = {
            .a = c->a, .b = c->b, .thing = c->thing, .weight = (uint32_t)weight, .users = c->users};
        input.relation = (uint16_t)c->relation;
        RS_TRY(rsi_link_add(out, &input, link, err));
    }
done:
    free(values);
    return status;
}

static bool is_timed_thing(const rs_graph *graph, const rs_relation_info *info)
{
    return info->kind == RS_KIND_SHARED && !info->place && info->time_min != RS_NO_TIME &&
           rsi_ties_things(graph, info);
}

/* The most users that share one thing. */
static size_t most_users(const rsi_kind_input *input)
{
    uint64_t most = 0;
    for (size_t r = 0; r < input->relation_count; r++) {
        const rs_groups *groups = &input->all_groups[r];
        for (uint32_t g = 0; g < groups->count; g++) {
            uint64_t count = groups->first[g + 1] - groups->first[g];
            most = count > most ? count : most;
        }
    }
    return (size_t)most;
}

static rs_status seek(finder *f, rs_error *err)
{
    rs_status status = RS_OK;
    const rs_graph *graph = f->input->graph;
    size_t subjects = rs_graph_subject_count(graph);
    rsi_surge *scratch = malloc((most_users(f->input) + 1) * sizeof *scratch);
    f->surge_of = malloc((subjects + 1) * sizeof *f->surge_of);
    if (f->surge_of == NULL || scratch == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%zu subjects)", subjects);
        goto done;
    }
    memset(f->surge_of, 0xff, (subjects + 1) * sizeof *f->surge_of);
    for (size_t i = 0; i < f->surge_count; i++) {
        f->surge_of[f->surges[i].node] = (uint32_t)i;
    }
    for (size_t r = 0; r < f->input->relation_count; r++) {
        rs_relation_info info = rs_store_relation(rs_graph_store(graph), r);
        size_t from = f->found.count;
        if (is_timed_thing(graph, &info)) {
            RS_TRY(seek_sharers(f, r, scratch, err));
        }
        if (f->found.count > from) {
            RS_TRY(date_couples(f, r, from, err));
        }
    }
done:
    free(scratch);
    return status;
}

static rs_status bust_out(const rsi_kind_input *input, const rs_work *work, rsi_link_list *out,
                          rs_error *err)
{
    rs_status status = RS_OK;
    finder f = {.input = input, .window_s = input->options->pass_window_s};
    (void)work;
    RS_TRY(gather(&f, err));
    if (f.surge_count < 2 || rs_graph_subject_count(input->graph) < 3) {
        goto done;
    }
    RS_TRY(make_calendar(&f, err));
    RS_TRY(seek(&f, err));
    keep_best(&f);
    RS_TRY(link_all(&f, out, err));
done:
    free(f.found.items);
    free(f.calendar.counts);
    free(f.surge_of);
    free(f.surges);
    return status;
}

const rsi_kind rsi_bust_out = {
    .name = "bust_out",
    .summary = "accounts that share a thing do more than ever at the same time, later on",
    .in_time = true,
    .of_all = true,
    .rare = true,
    .reads = is_timed_thing,
    .find = bust_out,
};
