/* compact.c - `ringscope compact`: write a store anew, smaller and faster, saying the same; and
 * when `ringscope run --compact` does so.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "base/try.h"
#include "cli/cli.h"
#include "ringscope/maintain.h"
#include "ringscope/store.h"

enum { YES, NO };

/* A compaction costs what the store holds. Waiting until more than a quarter of it is new means
 * that an edge is written some five times in all, however many nights come. Nights that small would
 * lie side by side by the hundred, and each look-up asks each of them: hence also a greatest
 * number, which adds a thirtieth of a compaction to a night. */
enum { NEW_SHARE = 4, APART_MAX = 30 };

typedef struct compact_options {
    int64_t window_s;
    int64_t as_of;
    uint64_t keep;
    int renumber;
    int reverse;
} compact_options;

static const rsi_option options[] = {
    {.name = "window",
     .value = RSI_SPAN,
     .argument = "SPAN",
     .offset = offsetof(compact_options, window_s),
     .min = 1,
     .max = 1e12,
     .help = "forget events older than SPAN (90d), counted back from the latest event; what has no "
             "time stays; by default all stay"},
    {.name = "as-of",
     .value = RSI_TIME,
     .argument = "TIME",
     .offset = offsetof(compact_options, as_of),
     .help = "count --window back from TIME instead (2026-11-20 is that day's end)"},
    {.name = "keep",
     .value = RSI_COUNT,
     .argument = "N",
     .offset = offsetof(compact_options, keep),
     .max = 1000,
     .help = "leave the N latest batches apart, so that each can still be dropped; by default 0"},
    {.name = "renumber",
     .value = RSI_CHOICE,
     .argument = "yes|no",
     .offset = offsetof(compact_options, renumber),
     .help = "number nodes by what they share, which makes the store smaller; by default yes"},
    {.name = "reverse",
     .value = RSI_CHOICE,
     .argument = "yes|no",
     .offset = offsetof(compact_options, reverse),
     .help = "keep for each target who points at it, so that it is looked up at once; by default "
             "yes"},
    {.name = NULL},
};

static const compact_options defaults = {.as_of = RS_NO_TIME};

/* What is forgotten is gone, so one row with a time years ahead must not decide what is old. The
 * clock is asked for this refusal alone. */
static rs_status check_latest(const char *path, rs_error *err)
{
    rs_status status = RS_OK;
    rs_store *store = NULL;
    int64_t latest = INT64_MIN;
    char text[RSI_FORMAT_MAX];
    RS_TRY(rsi_open_store(&store, path, err));
    for (size_t i = 0; i < rs_store_relation_count(store); i++) {
        rs_relation_info info = rs_store_relation(store, i);
        latest = info.time_max != RS_NO_TIME && info.time_max > latest ? info.time_max : latest;
    }
    if (latest > (int64_t)time(NULL) + 86400) {
        status = rs_fail(err, RS_EUSAGE,
                         "the latest event is of %s, which is to come: \"--as-of\" says from when "
                         "\"--window\" is counted back",
                         rsi_format_time(text, latest));
    }
done:
    rs_store_close(store);
    return status;
}

static void print_change(const rsi_call *call, const char *name, uint64_t before, uint64_t after)
{
    char now[RSI_FORMAT_MAX];
    char then[RSI_FORMAT_MAX];
    fprintf(call->out, "%s %s", name, rsi_format_count(now, after));
    if (before != after) {
        fprintf(call->out, " (were %s)", rsi_format_count(then, before));
    }
    fputc('\n', call->out);
}

static rs_status run(rsi_call *call, rs_error *err)
{
    rs_status status = RS_OK;
    const compact_options *given = call->options;
    rs_compact_options compact = RS_COMPACT_DEFAULTS;
    rs_compact_result result = {0};
    char number[RSI_FORMAT_MAX];
    if (given->window_s > 0 && given->as_of == RS_NO_TIME) {
        RS_TRY(check_latest(call->words[0], err));
    }
    compact.window_s = given->window_s;
    compact.as_of = given->as_of;
    compact.keep = given->keep;
    compact.renumber = given->renumber == YES;
    compact.reverse = given->reverse == YES;
    status = rs_compact(call->words[0], &compact, call->work, &result, err);
    RS_TRY(rsi_store_status(status, err));
    if (result.cutoff != RS_NO_TIME) {
        fprintf(call->out, "window   events since %s stay\n",
                rsi_format_time(number, result.cutoff));
    }
    print_change(call, "edges   ", result.edges_before, result.edges_after);
    print_change(call, "nodes   ", result.nodes_before, result.nodes_after);
    if (result.merged_count > 0) {
        fprintf(call->out, "merged   %zu batches\n", result.merged_count);
    }
    fprintf(call->out, "store    %s", rsi_format_bytes(number, result.bytes_after));
    fprintf(call->out, " (was %s)\n", rsi_format_bytes(number, result.bytes_before));
done:
    return status;
}

/* Whether the batches beside the largest are many or large. Edges are counted as they were sent. */
static rs_status is_due(const char *path, bool *due, rs_error *err)
{
    rs_status status = RS_OK;
    rs_store *store = NULL;
    uint64_t *edges = NULL;
    uint64_t total = 0;
    uint64_t largest = 0;
    size_t apart = 0;
    RS_TRY(rsi_open_store(&store, path, err));
    size_t count = rs_store_batch_count(store);
    edges = calloc(count + 1, sizeof *edges);
    if (edges == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%zu batches)", count);
        goto done;
    }
    for (size_t i = 0; i < count; i++) {
        rs_batch_info batch = rs_store_batch(store, i);
        edges[batch.home] += batch.edge_count;
        total += batch.edge_count;
        apart += batch.home == i;
    }
    for (size_t i = 0; i < count; i++) {
        largest = edges[i] > largest ? edges[i] : largest;
    }
    *due = apart > APART_MAX + 1 || total - largest > total / NEW_SHARE;
done:
    free(edges);
    rs_store_close(store); /* or its own lock could keep the old files */
    return status;
}

rs_status rsi_compact_when_due(const rsi_call *call, rs_compact_result *result, rs_error *err)
{
    rs_status status = RS_OK;
    rs_compact_options compact = RS_COMPACT_DEFAULTS;
    bool due = false;
    *result = (rs_compact_result){0};
    RS_TRY(is_due(call->words[0], &due, err));
    if (due) {
        status = rs_compact(call->words[0], &compact, call->work, result, err);
        RS_TRY(rs_context(err, status, "--compact"));
    }
done:
    return status;
}

const rsi_command rsi_command_compact = {
    .name = "compact",
    .summary = "merge the batches of a store, drop what nothing uses any more",
    .words = "STORE [options]",
    .about = "Write STORE anew: one sorted segment a relation, one dictionary a type, without ids "
             "that\n"
             "nothing uses any more. What `run` reports stays the same, byte for byte, unless "
             "--window\n"
             "forgets something. Batches keep their names: sending one again still changes "
             "nothing. A kill\n"
             "at any moment leaves the store as it was or compacted; readers go on reading what "
             "they opened.",
    .word_min = 1,
    .word_max = 1,
    .options = options,
    .defaults = &defaults,
    .options_size = sizeof(compact_options),
    .run = run,
};
