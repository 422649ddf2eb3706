/* payments.h - a night of payments by strangers, and what is planted in it, for tests of kinds in
 * time.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RS_TEST_PAYMENTS_H
#define RS_TEST_PAYMENTS_H

#include "small_store.h"

#include "ringscope/evidence.h"

enum { DAY = 86400, HOUR = 3600, OTHERS = 5000 };

static small_rows rows;
static const rs_evidence_options defaults = RS_EVIDENCE_DEFAULTS;

static inline void pay(char from, int i, char to, int k, int64_t time, int64_t amount)
{
    char src[12];
    char dst[12];
    snprintf(src, sizeof src, "%c%d", from, i);
    snprintf(dst, sizeof dst, "%c%d", to, k);
    small_row *row = small_add_at(&rows, PAYS, src, dst, time);
    row->amount = amount;
    row->zero = amount == 0;
}

/* Strangers that pay strangers and shops, for so many days: what a night looks like. */
static inline void begin_over(uint32_t days)
{
    rsi_random random;
    rsi_random_seed(&random, 5, 1);
    rows.count = 0;
    for (int i = 0; i < 1200; i++) {
        int64_t time = (int64_t)rsi_random_below(&random, days * DAY);
        bool shop = rsi_random_chance(&random, 500);
        pay('p', (int)rsi_random_below(&random, 400), shop ? 's' : 'q',
            (int)rsi_random_below(&random, shop ? 60 : 400), time,
            rsi_random_between(&random, 100, 9000));
    }
}

static inline void begin(void)
{
    begin_over(30);
}

/* The weight of a kind between accounts of two letters; NULL: of all. */
static inline uint64_t weigh(const char *kind, const char *letters)
{
    small_store small;
    rs_evidence evidence;
    rs_error err = {0};
    uint64_t sum = 0;
    uint8_t *wanted = NULL;
    rs_ids *ids = NULL;
    small_open(&small, &rows, OTHERS);
    small_ok(rs_evidence_find(small.graph, &defaults, NULL, &evidence, &err), &err);
    wanted = malloc(rs_graph_node_count(small.graph));
    memset(wanted, 1, rs_graph_node_count(small.graph));
    small_ok(rs_graph_ids(small.graph, wanted, &ids, &err), &err);
    for (size_t i = 0; i < evidence.link_count; i++) {
        const rs_link *link = &evidence.links[i];
        char a = rs_ids_of(ids, link->a).bytes[0];
        char b = rs_ids_of(ids, link->b).bytes[0];
        bool among = letters == NULL || (strchr(letters, a) != NULL && strchr(letters, b) != NULL);
        if (among && strcmp(rs_evidence_kind_name(link->kind), kind) == 0) {
            sum += link->weight;
        }
    }
    rs_ids_free(ids);
    free(wanted);
    rs_evidence_free(&evidence);
    small_close(&small);
    return sum;
}

#endif
