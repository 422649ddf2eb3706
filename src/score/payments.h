/* payments.h - who paid whom around groups: what roles and victims are read from.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_SCORE_PAYMENTS_H
#define RSI_SCORE_PAYMENTS_H

#include "ringscope/score.h"

#define RSI_NO_PAYMENTS UINT32_MAX

typedef struct rsi_payment {
    uint32_t group;
    uint32_t src, dst; /* subjects of the graph */
    uint16_t relation; /* of the store: its currency, too */
    int64_t time;      /* UTC seconds, RS_NO_TIME where it has none */
    int64_t amount;    /* smallest units, RS_NO_AMOUNT where it has none */
} rsi_payment;

/* By group, then relation, time, src, dst, amount: the same whatever the order of rows. */
typedef struct rsi_payments {
    size_t count, room;
    rsi_payment *items;
} rsi_payments;

/* Which payments are kept. */
typedef struct rsi_payments_wanted {
    const uint32_t *group; /* by subject: its group or RSI_NO_PAYMENTS */
    bool across;           /* those between a group and who is in none; else those inside one */
    /* By subject, may be NULL: how many payments of those in groups are not inside one. */
    uint32_t *from_outside, *to_outside;
} rsi_payments_wanted;

/* One reading of each relation of payments between subjects, up to the graph's as-of time; payments
 * to oneself are left out. 32 bytes a payment that is kept, 12 an account. RS_ENOMEM,
 * RS_EINTERRUPTED, the store's. */
RS_MUST_USE rs_status rsi_payments_read(const rs_graph *graph, const rsi_payments_wanted *wanted,
                                        const rs_work *work, rsi_payments *out, rs_error *err);
/* Where the payments of the group of payments->items[from] end. */
size_t rsi_payments_end(const rsi_payments *payments, size_t from);
void rsi_payments_free(rsi_payments *payments);

/* Whether `out` hands on what `in` brought: later, within the window, to somebody else. */
bool rsi_payment_follows(const rsi_payment *in, const rsi_payment *out, uint32_t window_s);
/* Whether it does so nearly whole: nine tenths and more, as relays count it. */
bool rsi_payment_passes(const rsi_payment *in, const rsi_payment *out, uint32_t window_s);

/* The payments of one group by payer, relation and time: who hands on what. */
int rsi_payments_by_payer(const void *left, const void *right);
/* The first of `count` payments in that order that `payer` makes through `relation` later than
 * `time`. */
size_t rsi_payments_later(const rsi_payment *items, size_t count, uint32_t payer, uint16_t relation,
                          int64_t time);

#endif
