/* payments.c - payments around groups, read from the store once more.
 *
 * Timelines are large and gone by the time that groups are known; what is wanted of them is little,
 * and a reading is quick: shares of the blocks are read side by side, each into a list of its own.
 *
 * Cost: one reading of each relation of payments, with one look-up for each, and 4 bytes an
 * account; O(log of its heap's) for each payment that is kept.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "score/payments.h"

#include <stdlib.h>

#include "base/parallel.h"
#include "base/sort.h"
#include "base/try.h"
#include "evidence/passes.h"

enum { SHARES = 32 };

typedef struct list {
    rsi_payment *items;
    size_t count, room;
} list;

typedef struct reader {
    const rs_graph *graph;
    const rsi_payments_wanted *wanted;
    const rs_work *work;
    rs_relation_info info;
    uint16_t relation;
    uint32_t *src, *dst; /* groups by dense number; the same where both ends are of one type */
    list lists[SHARES];
} reader;

/* ---- reading --------------------------------------------------------------------------------- */

static rs_status mark(const reader *r, uint32_t type, uint32_t **out, rs_error *err)
{
    uint32_t count = rs_store_type(rs_graph_store(r->graph), type).node_count;
    uint32_t *groups = malloc(((size_t)count + 1) * sizeof *groups);
    if (groups == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%u accounts)", count);
    }
    for (uint32_t dense = 0; dense < count; dense++) {
        uint32_t node = rs_graph_node(r->graph, type, dense);
        groups[dense] = node == RS_NO_NODE ? RSI_NO_PAYMENTS : r->wanted->group[node];
    }
    *out = groups;
    return RS_OK;
}

static rs_status add(const reader *r, list *l, const rs_edges *run, size_t i, uint32_t heap,
                     rs_error *err)
{
    if (l->count == l->room) {
        size_t room = l->room == 0 ? 1024 : l->room * 2;
        rsi_payment *items = realloc(l->items, room * sizeof *items);
        if (items == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (%zu payments of rings)", room);
        }
        l->items = items;
        l->room = room;
    }
    l->items[l->count++] =
        (rsi_payment){.heap = heap,
                      .src = rs_graph_node(r->graph, r->info.src_type, run->src[i]),
                      .dst = rs_graph_node(r->graph, r->info.dst_type, run->dst[i]),
                      .relation = r->relation,
                      .time = run->time != NULL ? run->time[i] : RS_NO_TIME,
                      .amount = run->amount != NULL ? run->amount[i] : RS_NO_AMOUNT};
    return RS_OK;
}

static rs_status take_run(const reader *r, const rs_edges *run, list *l, rs_error *err)
{
    rs_status status = RS_OK;
    int64_t as_of = rs_graph_as_of(r->graph);
    bool across = r->wanted->across;
    bool one_type = r->src == r->dst;
    for (size_t i = 0; i < run->count; i++) {
        uint32_t from = r->src[run->src[i]];
        uint32_t to = across || from != RSI_NO_PAYMENTS ? r->dst[run->dst[i]] : from;
        bool nobody = from == to ? from == RSI_NO_PAYMENTS : !across;
        bool later = run->time != NULL && run->time[i] != RS_NO_TIME && run->time[i] > as_of;
        if (nobody || later || (one_type && run->src[i] == run->dst[i])) {
            continue;
        }
        if (from == to) {
            RS_TRY(add(r, l, run, i, 2 * from, err));
            continue;
        }
        if (from != RSI_NO_PAYMENTS) {
            RS_TRY(add(r, l, run, i, 2 * from + 1, err));
        }
        if (to != RSI_NO_PAYMENTS) {
            RS_TRY(add(r, l, run, i, 2 * to + 1, err));
        }
    }
done:
    return status;
}

/* Only the calling thread, which is worker 0, may tell where it is. */
static rs_status read_share(void *context, size_t share, unsigned worker, rs_error *err)
{
    rs_status status = RS_OK;
    reader *r = context;
    rs_scan *scan = NULL;
    rs_edges run = {0};
    RS_TRY(rs_scan_open(&scan, rs_graph_store(r->graph), r->relation, RS_SCAN_TIME | RS_SCAN_AMOUNT,
                        err));
    rs_scan_share(scan, share, SHARES);
    do {
        RS_TRY(rs_scan_next(scan, &run, err));
        RS_TRY(take_run(r, &run, &r->lists[share], err));
        if (worker == 0) {
            RS_TRY(rs_work_report(r->work, "score", "payments", share, SHARES, err));
        }
    } while (run.count > 0);
done:
    rs_scan_close(scan);
    return status;
}

static rs_status read_relation(reader *r, rs_error *err)
{
    rs_status status = RS_OK;
    bool one_type = r->info.src_type == r->info.dst_type;
    r->src = NULL;
    r->dst = NULL;
    RS_TRY(mark(r, r->info.src_type, &r->src, err));
    r->dst = r->src;
    if (!one_type) {
        r->dst = NULL;
        RS_TRY(mark(r, r->info.dst_type, &r->dst, err));
    }
    RS_TRY(rsi_parallel(r->work, SHARES, read_share, r, err));
done:
    free(one_type ? NULL : r->dst);
    free(r->src);
    return status;
}

/* ---- in order -------------------------------------------------------------------------------- */

#define COMPARE(x, y)                                                                              \
    if ((x) != (y)) {                                                                              \
        return (x) < (y) ? -1 : 1;                                                                 \
    }

/* Within a heap. */
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

enum { HEAPS_A_BLOCK = 32 };

typedef struct sorting {
    const rsi_payments *payments;
    size_t heaps;
} sorting;

static rs_status sort_block(void *context, size_t block, unsigned worker, rs_error *err)
{
    const sorting *s = context;
    const size_t *first = s->payments->first;
    size_t end = (block + 1) * HEAPS_A_BLOCK < s->heaps ? (block + 1) * HEAPS_A_BLOCK : s->heaps;
    (void)worker;
    (void)err;
    for (size_t h = block * HEAPS_A_BLOCK; h < end; h++) {
        if (first[h + 1] - first[h] > 1) {
            qsort(s->payments->items + first[h], first[h + 1] - first[h], sizeof(rsi_payment),
                  in_order);
        }
    }
    return RS_OK;
}

/* By heap: a counting sort; then each heap alone. */
static rs_status put_in_order(const reader *r, rsi_payments *out, rs_error *err)
{
    size_t heaps = 2 * (size_t)r->wanted->group_count;
    for (size_t l = 0; l < SHARES; l++) {
        out->count += r->lists[l].count;
    }
    out->first = calloc(heaps + 2, sizeof *out->first);
    out->items = malloc((out->count + 1) * sizeof *out->items);
    if (out->first == NULL || out->items == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu payments of rings)", out->count);
    }
    for (size_t l = 0; l < SHARES; l++) {
        for (size_t i = 0; i < r->lists[l].count; i++) {
            out->first[r->lists[l].items[i].heap + 2]++;
        }
    }
    for (size_t h = 0; h < heaps; h++) {
        out->first[h + 2] += out->first[h + 1];
    }
    for (size_t l = 0; l < SHARES; l++) {
        for (size_t i = 0; i < r->lists[l].count; i++) {
            out->items[out->first[r->lists[l].items[i].heap + 1]++] = r->lists[l].items[i];
        }
    }
    sorting s = {.payments = out, .heaps = heaps};
    return rsi_parallel(r->work, (heaps + HEAPS_A_BLOCK - 1) / HEAPS_A_BLOCK, sort_block, &s, err);
}

rs_status rsi_payments_read(const rs_graph *graph, const rsi_payments_wanted *wanted,
                            const rs_work *work, rsi_payments *out, rs_error *err)
{
    rs_status status = RS_OK;
    const rs_store *store = rs_graph_store(graph);
    reader r = {.graph = graph, .wanted = wanted, .work = work};
    *out = (rsi_payments){0};
    for (size_t i = 0; i < rs_store_relation_count(store); i++) {
        r.info = rs_store_relation(store, i);
        r.relation = (uint16_t)i;
        if (r.info.kind == RS_KIND_PAYMENT && rs_store_type(store, r.info.src_type).subject &&
            rs_store_type(store, r.info.dst_type).subject) {
            RS_TRY(read_relation(&r, err));
        }
    }
    RS_TRY(put_in_order(&r, out, err));
done:
    for (size_t l = 0; l < SHARES; l++) {
        free(r.lists[l].items);
    }
    if (status != RS_OK) {
        rsi_payments_free(out);
    }
    return status;
}

void rsi_payments_free(rsi_payments *payments)
{
    free(payments->items);
    free(payments->first);
    *payments = (rsi_payments){0};
}

static rsi_payment_list heap_of(const rsi_payments *payments, size_t heap)
{
    const size_t *first = payments->first + heap;
    return (rsi_payment_list){.items = payments->items + first[0], .count = first[1] - first[0]};
}

rsi_payment_list rsi_payments_inside(const rsi_payments *payments, uint32_t group)
{
    return heap_of(payments, 2 * (size_t)group);
}

rsi_payment_list rsi_payments_across(const rsi_payments *payments, uint32_t group)
{
    return heap_of(payments, 2 * (size_t)group + 1);
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

rs_status rsi_payments_by_payer(rsi_payment_list inside, rsi_payment *out, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_record *order = malloc((2 * inside.count + 1) * sizeof *order);
    if (order == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu payments of a ring)", inside.count);
    }
    for (size_t i = 0; i < inside.count; i++) {
        order[i] = (rsi_record){.key = inside.items[i].src, .value = i};
    }
    RS_TRY(rsi_sort_records(order, inside.count, order + inside.count, err));
    for (size_t i = 0; i < inside.count; i++) {
        out[i] = inside.items[order[i].value];
    }
done:
    free(order);
    return status;
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
