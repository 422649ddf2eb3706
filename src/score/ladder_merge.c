/* ladder_merge.c - groups of several cuts of one night -> one list of groups.
 *
 * No subject is in two of the picked groups: they are parts of different communities, or different
 * parts of one.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "base/try.h"
#include "score/ladder.h"

enum { PICKS_A_BLOCK = 256 };

static void copy_members(const rsi_candidates *from, size_t group, unsigned rung,
                         rsi_candidates *out)
{
    size_t first = from->first[group];
    size_t count = from->first[group + 1] - first;
    size_t at = out->first[out->count];
    memcpy(out->members + at, from->members + first, count * sizeof *out->members);
    memcpy(out->inside + at, from->inside + first, count * sizeof *out->inside);
    for (size_t k = at; k < at + count; k++) {
        out->of[out->members[k]] = (uint32_t)out->count;
    }
    out->mean[out->count] = from->mean[group];
    out->rung[out->count] = (uint8_t)rung;
    out->alone[out->count] = from->alone[group];
    out->first[++out->count] = at + count;
}

/* What is copied, pick by pick, side by side. */
typedef struct merging {
    const rsi_rung *rungs;
    const rsi_ladder_pick *picks;
    size_t count;
    size_t *user_first; /* by pick: where the users of its uses go */
    rsi_sharing *out;
} merging;

/* Room for all, and where each pick's part of it is. */
static rs_status make_sharing(const merging *m, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_rung *rungs = m->rungs;
    rsi_sharing *out = m->out;
    size_t count = m->count;
    size_t users = 0;
    out->use_first = calloc(count + 3, sizeof *out->use_first);
    if (out->use_first == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu groups)", count);
    }
    for (size_t i = 0; i < count; i++) {
        const rsi_sharing *from = &rungs[m->picks[i].rung].sharing;
        size_t first = from->use_first[m->picks[i].group];
        size_t end = from->use_first[m->picks[i].group + 1];
        m->user_first[i] = users;
        out->use_first[i + 1] = out->use_first[i] + end - first;
        for (size_t u = first; u < end; u++) {
            users += from->uses[u].user_count;
        }
    }
    size_t uses = out->use_first[count];
    out->column_count = rungs[0].sharing.column_count;
    out->in_time = rungs[0].sharing.in_time;
    out->home_share = rungs[0].sharing.home_share;
    RS_TRY(rsi_columns_make(out, count, err));
    for (size_t c = 0; c < out->column_count; c++) {
        memcpy(out->columns[c].name, rungs[0].sharing.columns[c].name, sizeof out->columns[c].name);
        out->columns[c].weight = rungs[0].sharing.columns[c].weight;
    }
    out->uses = malloc((uses + 1) * sizeof *out->uses);
    out->users = malloc((users + 1) * sizeof *out->users);
    if (out->uses == NULL || out->users == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%zu shared uses)", uses);
    }
done:
    return status;
}

static void copy_amounts(const rsi_sharing *from, size_t group, size_t to, rsi_sharing *out)
{
    for (size_t c = 0; c < out->column_count; c++) {
        if (from->columns[c].amount != NULL && from->columns[c].amount[group] > 0) {
            out->columns[c].amount[to] = from->columns[c].amount[group];
            out->columns[c].own[to] = from->columns[c].own[group];
        }
    }
}

/* The uses of a group, numbered anew. */
static void copy_uses(const rsi_sharing *from, size_t group, size_t to, size_t users,
                      rsi_sharing *out)
{
    size_t at = out->use_first[to];
    for (size_t u = from->use_first[group]; u < from->use_first[group + 1]; u++) {
        rsi_shared_use use = from->uses[u];
        memcpy(out->users + users, from->users + use.user_first,
               use.user_count * sizeof *out->users);
        use.group = (uint32_t)to;
        use.user_first = users;
        users += use.user_count;
        out->uses[at++] = use;
    }
}

static rs_status copy_block(void *context, size_t block, unsigned worker, rs_error *err)
{
    const merging *m = context;
    size_t end = (block + 1) * PICKS_A_BLOCK < m->count ? (block + 1) * PICKS_A_BLOCK : m->count;
    (void)worker;
    (void)err;
    for (size_t i = block * PICKS_A_BLOCK; i < end; i++) {
        const rsi_sharing *from = &m->rungs[m->picks[i].rung].sharing;
        copy_amounts(from, m->picks[i].group, i, m->out);
        copy_uses(from, m->picks[i].group, i, m->user_first[i], m->out);
    }
    return RS_OK;
}

rs_status rsi_ladder_merge(const rsi_rung *rungs, const rsi_ladder_pick *picks, size_t count,
                           size_t subjects, const rs_work *work, rsi_candidates *candidates,
                           rsi_sharing *sharing, rs_error *err)
{
    rs_status status = RS_OK;
    merging m = {.rungs = rungs, .picks = picks, .count = count, .out = sharing};
    *candidates = (rsi_candidates){0};
    *sharing = (rsi_sharing){0};
    m.user_first = malloc((count + 1) * sizeof *m.user_first);
    if (m.user_first == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu groups)", count);
    }
    RS_TRY(rsi_candidates_make(candidates, subjects, err));
    RS_TRY(make_sharing(&m, err));
    for (size_t i = 0; i < count; i++) {
        copy_members(&rungs[picks[i].rung].candidates, picks[i].group, picks[i].rung, candidates);
    }
    RS_TRY(rsi_parallel(work, (count + PICKS_A_BLOCK - 1) / PICKS_A_BLOCK, copy_block, &m, err));
done:
    free(m.user_first);
    if (status != RS_OK) {
        rsi_candidates_free(candidates);
        rsi_sharing_free(sharing);
    }
    return status;
}
