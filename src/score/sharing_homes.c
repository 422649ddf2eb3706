/* sharing_homes.c - how much of what a group shares its homes explain.
 *
 * Cost: O(uses of places) and O(groups) a column.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>

#include "score/finder.h"

/* The largest share of each group's members that one place brings together. `here` has one entry
 * for each group, 0 before and after: the members that the place at hand has seen. */
static void cover_relation(const rsi_finder *f, size_t relation, uint32_t *here, double *cover)
{
    const rs_groups *groups = &f->input->evidence->groups[relation];
    const rsi_candidates *c = f->candidates;
    uint32_t met[RSI_GROUP_USERS_MAX];
    for (uint32_t g = 0; g < groups->count; g++) {
        uint64_t first = groups->first[g];
        uint64_t end = groups->first[g + 1];
        size_t met_count = 0;
        for (uint64_t k = first; k < end && end - first <= RSI_GROUP_USERS_MAX; k++) {
            uint32_t group = c->of[groups->users[k]];
            if (group != RSI_NO_GROUP && here[group]++ == 0) {
                met[met_count++] = group;
            }
        }
        for (size_t i = 0; i < met_count; i++) {
            uint32_t group = met[i];
            double share = (double)here[group] / (double)(c->first[group + 1] - c->first[group]);
            if (here[group] > 1 && share > cover[group]) {
                cover[group] = share;
            }
            here[group] = 0;
        }
    }
}

rs_status rsi_homes_find(rsi_finder *f, rs_error *err)
{
    f->cover = calloc(f->candidates->count + 1, sizeof *f->cover);
    uint32_t *here = calloc(f->candidates->count + 1, sizeof *here);
    if (f->cover == NULL || here == NULL) {
        free(here);
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu groups)", f->candidates->count);
    }
    for (size_t r = 0; r < f->input->evidence->relation_count; r++) {
        if (rs_store_relation(rs_graph_store(f->input->graph), r).place) {
            cover_relation(f, r, here, f->cover);
        }
    }
    free(here);
    return RS_OK;
}

/* Columns that no home explains or that are homes. */
static bool is_homeless(const rsi_finder *f, const rsi_column *column, size_t index)
{
    return index >= f->out->in_time || index % RSI_WAYS == RSI_WAY_MEETING ||
           column->weight == RSI_PLACE_WEIGHT;
}

/* What a thing counts among those who share a home. pi is the mean cover of what things tie, over
 * all the night's groups: life's way, where it is near 1. The surprise of a tie within a home is
 * -ln pi, of one without -ln(1 - pi); where homes are the rule (pi above a half) they count in that
 * proportion. */
static double home_share(const rsi_finder *f)
{
    double tied = 0;
    double home = 0;
    for (size_t c = 0; c < f->out->column_count; c++) {
        const rsi_column *column = &f->out->columns[c];
        for (size_t g = 0; g < f->candidates->count && !is_homeless(f, column, c); g++) {
            tied += column->own[g];
            home += column->home[g];
        }
    }
    double pi = home / (tied + 1); /* never quite 1: one tie outside a home is always possible */
    return pi <= 0.5 ? 1.0 : log(pi) / log(1 - pi);
}

void rsi_homes_discount(rsi_finder *f, const rsi_sharing *night)
{
    double share = night != NULL ? night->home_share : home_share(f);
    f->out->home_share = share;
    for (size_t c = 0; c < f->out->column_count; c++) {
        rsi_column *column = &f->out->columns[c];
        for (size_t g = 0; g < f->candidates->count && !is_homeless(f, column, c); g++) {
            column->own[g] -= column->home[g] * (1 - share);
        }
    }
}
