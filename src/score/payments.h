/* payments.h - who paid whom around groups: what roles and victims are read from.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_SCORE_PAYMENTS_H
#define RSI_SCORE_PAYMENTS_H

#include "ringscope/score.h"

#define RSI_NO_PAYMENTS UINT32_MAX

typedef struct rsi_payment {
    uint32_t src, dst; /* subjects of the graph */
    uint32_t heap;     /* 2 * group; and 1 of one across the border of the group */
    uint16_t relation; /* of the store: its currency, too */
    int64_t time;      /* UTC seconds, RS_NO_TIME where it has none */
    int64_t amount;    /* smallest units, RS_NO_AMOUNT where it has none */
} rsi_payment;

/* By heap, then relation, time, src, dst, amount: the same whatever the order of rows. */
typedef struct rsi_payments {
    size_t count;
    rsi_payment *items;
    size_t *first; /* where each heap begins, and where the last one ends */
} rsi_payments;

/* Those of one heap, lent. */
typedef struct rsi_payment_list {
    const rsi_payment *items;
    size_t count;
} rsi_payment_list;

/* Which payments are kept. */
typedef struct rsi_payments_wanted {
    const uint32_t *group; /* by subject: its group or RSI_NO_PAYMENTS */
    uint32_t group_count;  /* at most 2^31 */
    bool across; /* those between a group and who is not in it too; one between two groups is kept
                    for both */
} rsi_payments_wanted;

/* One reading of each relation of payments between subjects, up to the graph's as-of time; payments
 * to oneself are left out. 32 bytes a payment that is kept, and as many again while they are put in
 * order; 4 an account. RS_ENOMEM, RS_EINTERRUPTED, the store's. */
RS_MUST_USE rs_status rsi_payments_read(const rs_graph *graph, const rsi_payments_wanted *wanted,
                                        const rs_work *work, rsi_payments *out, rs_error *err);
void rsi_payments_free(rsi_payments *payments);
rsi_payment_list rsi_payments_inside(const rsi_payments *payments, uint32_t group);
rsi_payment_list rsi_payments_across(const rsi_payments *payments, uint32_t group);

/* Whether `out` hands on what `in` brought: later, within the window, to somebody else. */
bool rsi_payment_follows(const rsi_payment *in, const rsi_payment *out, uint32_t window_s);
/* Whether it does so nearly whole: nine tenths and more, as relays count it. */
bool rsi_payment_passes(const rsi_payment *in, const rsi_payment *out, uint32_t window_s);

/* The payments of one group, of all relations, by payer, then as they are: who hands on what. `out`
 * has room for them. RS_ENOMEM. O(count). */
RS_MUST_USE rs_status rsi_payments_by_payer(rsi_payment_list inside, rsi_payment *out,
                                            rs_error *err);
/* The first of `count` payments in that order that `payer` makes through `relation` later than
 * `time`. */
size_t rsi_payments_later(const rsi_payment *items, size_t count, uint32_t payer, uint16_t relation,
                          int64_t time);

#endif
