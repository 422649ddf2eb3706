/* payments.c - payments around groups, read from the store once more.
 *
 * Timelines are large and gone by the time that groups are known; what is wanted of them is little,
 * and a reading is quick.
 *
 * Cost: one reading of each relation of payments, of which a bit an account tells most apart; O(log
 * of its group's) for each payment that is kept.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "score/payments.h"

#include <stdlib.h>

#include "base/try.h"

enum { KEEP_TENTHS = 9 };

typedef struct reader {
    const rs_graph *graph;
    const rsi_payments_wanted *wanted;
    rs_relation_info info;
    uint16_t relation;
    uint64_t *src_bits, *dst_bits; /* by dense number: the account is in a group; may be the same */
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

static bool is_set(const uint64_t *bits, uint32_t i)
{
    return (bits[i / 64] >> (i % 64) & 1) != 0;
}

/* Those of a type that are in a group. */
static rs_status mark(const reader *r, uint32_t type, uint64_t **out, rs_error *err)
{
    uint32_t count = rs_store_type(rs_graph_store(r->graph), type).node_count;
    uint64_t *bits = calloc((size_t)count / 64 + 1, sizeof *bits);
    if (bits == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%u accounts)", count);
    }
    for (uint32_t dense = 0; dense < count; dense++) {
        uint32_t node = rs_graph_node(r->graph, type, dense);
        if (node != RS_NO_NODE && r->wanted->group[node] != RSI_NO_PAYMENTS) {
            bits[dense / 64] |= UINT64_C(1) << (dense % 64);
        }
    }
    *out = bits;
    return RS_OK;
}

/* The group that a payment is kept with. */
static uint32_t group_of(const reader *r, uint32_t src, uint32_t dst)
{
    const rsi_payments_wanted *w = r->wanted;
    uint32_t from = w->group[src];
    uint32_t to = w->group[dst];
    if (from == to) {
        return w->across ? RSI_NO_PAYMENTS : from;
    }
    if (w->from_outside != NULL) {
        w->from_outside[dst]++;
        w->to_outside[src]++;
    }
    if (!w->across || (from != RSI_NO_PAYMENTS && to != RSI_NO_PAYMENTS)) {
        return RSI_NO_PAYMENTS;
    }
    return from != RSI_NO_PAYMENTS ? from : to;
}

static rs_status take_edge(const reader *r, const rs_edges *run, size_t i, rs_error *err)
{
    uint32_t src = rs_graph_node(r->graph, r->info.src_type, run->src[i]);
    uint32_t dst = rs_graph_node(r->graph, r->info.dst_type, run->dst[i]);
    int64_t time = run->time != NULL ? run->time[i] : RS_NO_TIME;
    if (src == dst || src == RS_NO_NODE || dst == RS_NO_NODE ||
        (time != RS_NO_TIME && time > rs_graph_as_of(r->graph))) {
        return RS_OK;
    }
    rsi_payment payment = {.group = group_of(r, src, dst),
                           .src = src,
                           .dst = dst,
                           .relation = r->relation,
                           .time = time,
                           .amount = run->amount != NULL ? run->amount[i] : RS_NO_AMOUNT};
    return payment.group == RSI_NO_PAYMENTS ? RS_OK : add(r->out, payment, err);
}

/* Inside groups, where nothing is counted, both ends are in one; else one of them. */
static rs_status take_run(const reader *r, const rs_edges *run, rs_error *err)
{
    rs_status status = RS_OK;
    bool both = !r->wanted->across && r->wanted->from_outside == NULL;
    for (size_t i = 0; i < run->count; i++) {
        bool src = is_set(r->src_bits, run->src[i]);
        bool dst = is_set(r->dst_bits, run->dst[i]);
        if (both ? src && dst : src || dst) {
            RS_TRY(take_edge(r, run, i, err));
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
    r->src_bits = NULL;
    r->dst_bits = NULL;
    RS_TRY(mark(r, r->info.src_type, &r->src_bits, err));
    RS_TRY(mark(r, r->info.dst_type, &r->dst_bits, err));
    RS_TRY(rs_scan_open(&scan, rs_graph_store(r->graph), r->relation, RS_SCAN_TIME | RS_SCAN_AMOUNT,
                        err));
    do {
        RS_TRY(rs_scan_next(scan, &run, err));
        RS_TRY(take_run(r, &run, err));
        seen += run.count;
        RS_TRY(rs_work_report(work, "score", "payments", seen, r->info.edge_count, err));
    } while (run.count > 0);
done:
    rs_scan_close(scan);
    free(r->src_bits);
    free(r->dst_bits);
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

/* By group: a counting sort; then each group alone. */
static rs_status put_in_order(rsi_payments *list, rs_error *err)
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
    for (size_t g = 0; g < groups; g++) {
        if (at[g + 1] - at[g] > 1) {
            qsort(items + at[g], at[g + 1] - at[g], sizeof *items, in_order);
        }
    }
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
        RS_TRY(put_in_order(out, err));
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
    return in->amount > 0 && out->amount > 0 && out->amount <= in->amount &&
           out->amount >= in->amount / 10 * KEEP_TENTHS + in->amount % 10 * KEEP_TENTHS / 10 &&
           rsi_payment_follows(in, out, window_s);
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
