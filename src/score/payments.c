/* payments.c - payments around groups, read from the store once more.
 *
 * Timelines are large and gone by the time that groups are known; what is wanted of them is little,
 * and a reading is quick.
 *
 * Cost: one reading of each relation of payments, with one look-up for each, and 12 bytes an
 * account; O(log of its group's) for each payment that is kept.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "score/payments.h"

#include <stdlib.h>

#include "base/parallel.h"
#include "base/try.h"
#include "evidence/passes.h"

/* What is asked of an account, by dense number: edges come in that order on one side, and a look-up
 * on the other costs one line of the cache. */
typedef struct account {
    uint32_t group;
    uint32_t from_outside, to_outside; /* payments */
} account;

typedef struct reader {
    const rs_graph *graph;
    const rsi_payments_wanted *wanted;
    rs_relation_info info;
    uint16_t relation;
    account *src, *dst; /* the same where both ends are of one type */
    rsi_payments *out;
} reader;

static rs_status add(rsi_payments *list, rsi_payment payment, rs_error *err)
{
    if (list->count == list->room) {
        size_t room = list->room == 0 ? 1024 : list->room * 2;
        rsi_payment *items = realloc(list->items, room * sizeof *items);
        if (items == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (%zu payments of rings)", room);
        }
        list->items = items;
        list->room = room;
    }
    list->items[list->count++] = payment;
    return RS_OK;
}

static rs_status mark(const reader *r, uint32_t type, account **out, rs_error *err)
{
    uint32_t count = rs_store_type(rs_graph_store(r->graph), type).node_count;
    account *accounts = calloc((size_t)count + 1, sizeof *accounts);
    if (accounts == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%u accounts)", count);
    }
    for (uint32_t dense = 0; dense < count; dense++) {
        uint32_t node = rs_graph_node(r->graph, type, dense);
        accounts[dense].group = node == RS_NO_NODE ? RSI_NO_PAYMENTS : r->wanted->group[node];
    }
    *out = accounts;
    return RS_OK;
}

/* Hand over what was counted. */
static void count_outside(const reader *r, uint32_t type, const account *accounts)
{
    const rsi_payments_wanted *w = r->wanted;
    uint32_t count = rs_store_type(rs_graph_store(r->graph), type).node_count;
    for (uint32_t dense = 0; w->from_outside != NULL && dense < count; dense++) {
        uint32_t node = rs_graph_node(r->graph, type, dense);
        if (node != RS_NO_NODE) {
            w->from_outside[node] += accounts[dense].from_outside;
            w->to_outside[node] += accounts[dense].to_outside;
        }
    }
}

/* The group that a payment is kept with. */
static uint32_t group_of(const reader *r, account *src, account *dst)
{
    bool across = r->wanted->across;
    if (src->group == dst->group) {
        return across ? RSI_NO_PAYMENTS : src->group;
    }
    dst->from_outside++;
    src->to_outside++;
    if (!across || (src->group != RSI_NO_PAYMENTS && dst->group != RSI_NO_PAYMENTS)) {
        return RSI_NO_PAYMENTS;
    }
    return src->group != RSI_NO_PAYMENTS ? src->group : dst->group;
}

static rs_status take_edge(const reader *r, const rs_edges *run, size_t i, uint32_t group,
                           rs_error *err)
{
    rsi_payment payment = {.group = group,
                           .src = rs_graph_node(r->graph, r->info.src_type, run->src[i]),
                           .dst = rs_graph_node(r->graph, r->info.dst_type, run->dst[i]),
                           .relation = r->relation,
                           .time = run->time != NULL ? run->time[i] : RS_NO_TIME,
                           .amount = run->amount != NULL ? run->amount[i] : RS_NO_AMOUNT};
    return add(r->out, payment, err);
}

static rs_status take_run(const reader *r, const rs_edges *run, rs_error *err)
{
    enum { AHEAD = 16 };
    rs_status status = RS_OK;
    int64_t as_of = rs_graph_as_of(r->graph);
    for (size_t i = 0; i < run->count; i++) {
        if (i + AHEAD < run->count) {
            __builtin_prefetch(&r->dst[run->dst[i + AHEAD]], 1);
        }
        account *src = &r->src[run->src[i]];
        account *dst = &r->dst[run->dst[i]];
        bool nobody = src->group == RSI_NO_PAYMENTS && dst->group == RSI_NO_PAYMENTS;
        bool later = run->time != NULL && run->time[i] != RS_NO_TIME && run->time[i] > as_of;
        if (nobody || later || src == dst) {
            continue;
        }
        uint32_t group = group_of(r, src, dst);
        if (group != RSI_NO_PAYMENTS) {
            RS_TRY(take_edge(r, run, i, group, err));
        }
    }
done:
    return status;
}

static rs_status read_relation(reader *r, const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rs_scan *scan = NULL;
    rs_edges run = {0};
    uint64_t seen = 0;
    bool one_type = r->info.src_type == r->info.dst_type;
    r->src = NULL;
    r->dst = NULL;
    RS_TRY(mark(r, r->info.src_type, &r->src, err));
    if (one_type) {
        r->dst = r->src;
    } else {
        RS_TRY(mark(r, r->info.dst_type, &r->dst, err));
    }
    RS_TRY(rs_scan_open(&scan, rs_graph_store(r->graph), r->relation, RS_SCAN_TIME | RS_SCAN_AMOUNT,
                        err));
    do {
        RS_TRY(rs_scan_next(scan, &run, err));
        RS_TRY(take_run(r, &run, err));
        seen += run.count;
        RS_TRY(rs_work_report(work, "score", "payments", seen, r->info.edge_count, err));
    } while (run.count > 0);
    count_outside(r, r->info.src_type, r->src);
    if (!one_type) {
        count_outside(r, r->info.dst_type, r->dst);
    }
done:
    rs_scan_close(scan);
    free(one_type ? NULL : r->dst);
    free(r->src);
    return status;
}

#define COMPARE(x, y)                                                                              \
    if ((x) != (y)) {                                                                              \
        return (x) < (y) ? -1 : 1;                                                                 \
    }

/* Within a group. */
static int in_order(const void *left, const void *right)
{
    const rsi_payment *a = left;
    const rsi_payment *b = right;
    COMPARE(a->relation, b->relation);
    COMPARE(a->time, b->time);
    COMPARE(a->src, b->src);
    COMPARE(a->dst, b->dst);
    COMPARE(a->amount, b->amount);
    return 0;
}

int rsi_payments_by_payer(const void *left, const void *right)
{
    const rsi_payment *a = left;
    const rsi_payment *b = right;
    COMPARE(a->src, b->src);
    COMPARE(a->relation, b->relation);
    COMPARE(a->time, b->time);
    COMPARE(a->dst, b->dst);
    COMPARE(a->amount, b->amount);
    return 0;
}

enum { GROUPS_A_BLOCK = 16 };

typedef struct sorting {
    rsi_payment *items;
    const size_t *at; /* the payments of group g are at[g] .. at[g + 1] - 1 */
    size_t groups;
} sorting;

static rs_status sort_block(void *context, size_t block, unsigned worker, rs_error *err)
{
    const sorting *s = context;
    size_t first = block * GROUPS_A_BLOCK;
    size_t end = s->groups - first < GROUPS_A_BLOCK ? s->groups : first + GROUPS_A_BLOCK;
    (void)worker;
    (void)err;
    for (size_t g = first; g < end; g++) {
        if (s->at[g + 1] - s->at[g] > 1) {
            qsort(s->items + s->at[g], s->at[g + 1] - s->at[g], sizeof *s->items, in_order);
        }
    }
    return RS_OK;
}

/* By group: a counting sort; then each group alone. */
static rs_status put_in_order(rsi_payments *list, const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t groups = 0;
    for (size_t i = 0; i < list->count; i++) {
        groups = list->items[i].group >= groups ? list->items[i].group + 1 : groups;
    }
    size_t *at = calloc((size_t)groups + 2, sizeof *at);
    rsi_payment *items = malloc((list->count + 1) * sizeof *items);
    if (at == NULL || items == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%zu payments of rings)", list->count);
        goto done;
    }
    for (size_t i = 0; i < list->count; i++) {
        at[list->items[i].group + 2]++;
    }
    for (size_t g = 0; g < groups; g++) {
        at[g + 2] += at[g + 1];
    }
    for (size_t i = 0; i < list->count; i++) {
        items[at[list->items[i].group + 1]++] = list->items[i];
    }
    sorting s = {.items = items, .at = at, .groups = groups};
    RS_TRY(rsi_parallel(work, ((size_t)groups + GROUPS_A_BLOCK - 1) / GROUPS_A_BLOCK, sort_block,
                        &s, err));
    free(list->items);
    list->items = items;
    items = NULL; /* moved to the list */
done:
    free(at);
    free(items);
    return status;
}

rs_status rsi_payments_read(const rs_graph *graph, const rsi_payments_wanted *wanted,
                            const rs_work *work, rsi_payments *out, rs_error *err)
{
    rs_status status = RS_OK;
    const rs_store *store = rs_graph_store(graph);
    *out = (rsi_payments){0};
    for (size_t i = 0; i < rs_store_relation_count(store); i++) {
        reader r = {.graph = graph,
                    .wanted = wanted,
                    .info = rs_store_relation(store, i),
                    .relation = (uint16_t)i,
                    .out = out};
        if (r.info.kind == RS_KIND_PAYMENT && rs_store_type(store, r.info.src_type).subject &&
            rs_store_type(store, r.info.dst_type).subject) {
            RS_TRY(read_relation(&r, work, err));
        }
    }
    if (out->count > 0) {
        RS_TRY(put_in_order(out, work, err));
    }
done:
    if (status != RS_OK) {
        rsi_payments_free(out);
    }
    return status;
}

size_t rsi_payments_end(const rsi_payments *payments, size_t from)
{
    size_t end = from + 1;
    while (end < payments->count && payments->items[end].group == payments->items[from].group) {
        end++;
    }
    return end;
}

void rsi_payments_free(rsi_payments *payments)
{
    free(payments->items);
    *payments = (rsi_payments){0};
}

bool rsi_payment_follows(const rsi_payment *in, const rsi_payment *out, uint32_t window_s)
{
    return in->time != RS_NO_TIME && out->time != RS_NO_TIME && out->src == in->dst &&
           out->relation == in->relation && out->dst != in->src && out->time > in->time &&
           (uint64_t)out->time - (uint64_t)in->time <= window_s;
}

bool rsi_payment_passes(const rsi_payment *in, const rsi_payment *out, uint32_t window_s)
{
    return rsi_pass_fits(in->amount, out->amount) && rsi_payment_follows(in, out, window_s);
}

size_t rsi_payments_later(const rsi_payment *items, size_t count, uint32_t payer, uint16_t relation,
                          int64_t time)
{
    size_t low = 0;
    for (size_t high = count; low < high;) {
        size_t middle = low + (high - low) / 2;
        const rsi_payment *at = &items[middle];
        bool before = at->src != payer           ? at->src < payer
                      : at->relation != relation ? at->relation < relation
                                                 : at->time <= time;
        low = before ? middle + 1 : low;
        high = before ? high : middle;
    }
    return low;
}
