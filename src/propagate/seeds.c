/* seeds.c - lists -> what each node brings into propagation.
 *
 * A listing weighs strength * 2^(-age / half life): it fades smoothly and never jumps. In integers;
 * age in seconds, the power to 2^-32.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "propagate/roots.h"
#include "ringscope/lists.h"
#include "ringscope/propagate.h"

#define DAY_S INT64_C(86400)

static int64_t seed_of(const rs_list_entry *entry, int64_t as_of, uint32_t half_life_days)
{
    uint64_t seed = ((uint64_t)entry->strength << 32) / 1000000;
    if (half_life_days == 0 || entry->since == RS_NO_TIME || as_of == RS_NO_TIME ||
        entry->since >= as_of) {
        return (int64_t)seed;
    }
    uint64_t age_s = (uint64_t)as_of - (uint64_t)entry->since;
    uint64_t half_s = (uint64_t)half_life_days * (uint64_t)DAY_S;
    uint64_t fraction = (uint64_t)(((rsi_u128)(age_s % half_s) << 32) / half_s);
    uint64_t power = rsi_half_power(age_s / half_s, (uint32_t)fraction);
    return (int64_t)((rsi_u128)seed * power >> 32);
}

void rs_seeds(const rs_graph *graph, const rs_list *blacklist, const rs_list *whitelist,
              const rs_seed_options *options, int64_t *seed)
{
    uint32_t half_life = options->half_life_days;
    int64_t as_of = rs_graph_as_of(graph);
    memset(seed, 0, rs_graph_node_count(graph) * sizeof *seed);
    for (size_t i = 0; whitelist != NULL && i < whitelist->count; i++) {
        seed[whitelist->entries[i].node] = -seed_of(&whitelist->entries[i], as_of, half_life);
    }
    for (size_t i = 0; blacklist != NULL && i < blacklist->count; i++) {
        const rs_list_entry *entry = &blacklist->entries[i];
        seed[entry->node] = seed_of(entry, as_of, half_life);
    }
}
