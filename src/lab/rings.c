/* rings.c - what rings do by plan: relays, cycles, bursts, purchases in lockstep, and the cards
 * they share.
 *
 * The figures of each degree of hiding stand in the tables; the further down, the slower, the
 * fewer, the more of it through honest channels. SPDX-License-Identifier: GPL-3.0-or-later */
#include "lab/world.h"

#define HOUR 3600u

struct script {
    const rsi_world *world;
    const rsi_group *ring;
    rsi_random random;
    rsi_rows *payments;
    rsi_rows *instruments;
};

/* Nothing happens before a member has joined or after the last night. */
static bool send(struct script *s, uint32_t second, uint32_t from, uint32_t to, uint32_t cents)
{
    uint32_t end = (RSI_HISTORY_DAYS + s->world->options.nights) * RSI_DAY_S;
    if (second >= end || from == to || second < rsi_join_second(s->world, from) ||
        second < rsi_join_second(s->world, to)) {
        return false;
    }
    rsi_rows_push(s->payments, second, from, to, cents);
    return true;
}

static uint32_t member(const struct script *s, uint32_t i)
{
    return s->ring->first + i % s->ring->size;
}

/* A moment in the nights; hidden rings start late. */
static uint32_t some_moment(struct script *s)
{
    uint32_t nights = s->world->options.nights;
    uint32_t early = s->ring->hiding == RS_HIDING_HIDDEN ? nights / 3 : nights / 10;
    uint32_t day = rsi_random_between(&s->random, early, nights - 3);
    return (RSI_HISTORY_DAYS + day) * RSI_DAY_S + rsi_second_of_day(&s->random);
}

static uint32_t kept(struct script *s, uint32_t cents)
{
    return (uint32_t)((uint64_t)cents * rsi_random_between(&s->random, 962, 994) / 1000);
}

static uint32_t round_sum(struct script *s, uint32_t low, uint32_t high)
{
    uint32_t cents = rsi_random_between(&s->random, low, high) * 100;
    return rsi_random_chance(&s->random, 500) ? cents : cents + rsi_random_below(&s->random, 100);
}

static uint32_t honest(struct script *s)
{
    const rsi_world *w = s->world;
    uint32_t first = s->ring->first + s->ring->size;
    return first < w->account_count ? rsi_random_between(&s->random, first, w->account_count - 1)
                                    : 0;
}

/* ---- mule chain --------------------------------------------------------------------------- */

static void relay(struct script *s, uint32_t second, uint32_t mule, uint32_t cents)
{
    static const uint32_t gap_min[RS_HIDING_COUNT] = {HOUR / 3, HOUR, 8 * HOUR};
    static const uint32_t gap_max[RS_HIDING_COUNT] = {2 * HOUR, 14 * HOUR, 60 * HOUR};
    rs_hiding h = s->ring->hiding;
    uint32_t at = second + rsi_random_between(&s->random, gap_min[h], gap_max[h]);
    uint32_t to = member(s, 1);
    if (h != RS_HIDING_OPEN && s->ring->size > 8 && rsi_random_chance(&s->random, 200)) {
        uint32_t second_mule = member(s, rsi_random_between(&s->random, 2, s->ring->size - 1));
        if (second_mule != mule && send(s, at, mule, second_mule, kept(s, cents))) {
            mule = second_mule;
            cents = kept(s, kept(s, cents));
            at += rsi_random_between(&s->random, gap_min[h], gap_max[h]);
        }
    }
    send(s, at, mule, to, kept(s, cents));
}

static void mule_chain(struct script *s)
{
    static const uint32_t rounds[RS_HIDING_COUNT] = {2, 2, 2};
    static const uint32_t taking_part[RS_HIDING_COUNT] = {950, 800, 650};
    for (uint32_t round = 0; round < rounds[s->ring->hiding]; round++) {
        uint32_t second = some_moment(s);
        for (uint32_t i = 0; i < 2 + s->ring->size / 6; i++) { /* victims pay in */
            uint32_t before = rsi_random_between(&s->random, HOUR, 20 * HOUR);
            uint32_t victim = honest(s);
            send(s, second - before, victim, member(s, 0), round_sum(s, 80, 900));
        }
        for (uint32_t i = 2; i < s->ring->size; i++) {
            uint32_t at = second + rsi_random_below(&s->random, 3 * HOUR);
            uint32_t cents = round_sum(s, 150, 2400);
            if (rsi_random_chance(&s->random, taking_part[s->ring->hiding]) &&
                send(s, at, member(s, 0), member(s, i), cents)) {
                relay(s, at, member(s, i), cents);
            }
        }
    }
}

/* ---- payment cycle ------------------------------------------------------------------------ */

static void one_cycle(struct script *s)
{
    static const uint32_t gap_min[RS_HIDING_COUNT] = {HOUR / 6, HOUR, 6 * HOUR};
    static const uint32_t gap_max[RS_HIDING_COUNT] = {3 * HOUR, 20 * HOUR, 50 * HOUR};
    rs_hiding h = s->ring->hiding;
    rsi_permutation order;
    rsi_permutation_make(&order, s->ring->size, rsi_random_next(&s->random));
    uint32_t most = s->ring->size < 6 ? s->ring->size : 6;
    uint32_t length = rsi_random_between(&s->random, 3, most);
    uint32_t at = some_moment(s);
    uint32_t cents = round_sum(s, 200, 3000);
    for (uint32_t i = 0; i < length; i++) {
        uint32_t from = member(s, (uint32_t)rsi_permute(&order, i));
        uint32_t to = member(s, (uint32_t)rsi_permute(&order, (i + 1) % length));
        if (!send(s, at, from, to, cents)) {
            return;
        }
        at += rsi_random_between(&s->random, gap_min[h], gap_max[h]);
        cents = kept(s, cents);
    }
}

static void payment_cycle(struct script *s)
{
    static const uint32_t per_ten[RS_HIDING_COUNT] = {6, 5, 5}; /* cycles for ten members */
    uint32_t count = 2 + s->ring->size * per_ten[s->ring->hiding] / 10;
    for (uint32_t i = 0; i < count; i++) {
        one_cycle(s);
    }
}

/* ---- bust-out ----------------------------------------------------------------------------- */

static void bust_out(struct script *s)
{
    static const uint32_t purchases[RS_HIDING_COUNT] = {9, 6, 4};
    static const uint32_t days[RS_HIDING_COUNT] = {1, 2, 5};
    rs_hiding h = s->ring->hiding;
    uint32_t nights = s->world->options.nights;
    uint32_t day = rsi_random_between(&s->random, nights / 2, nights - 1 - days[h] * nights / 30);
    for (uint32_t i = 0; i < s->ring->size; i++) {
        for (uint32_t k = 0; k < purchases[h]; k++) {
            uint32_t on = RSI_HISTORY_DAYS + day + rsi_random_below(&s->random, days[h]);
            uint32_t at = on * RSI_DAY_S + rsi_second_of_day(&s->random);
            uint32_t shop = rsi_some_shop(s->world, &s->random);
            send(s, at, member(s, i), shop, round_sum(s, 90, 1400));
        }
    }
}

/* ---- lockstep ----------------------------------------------------------------------------- */

/* Not among the busiest shops: there everybody is in lockstep with everybody. */
static uint32_t quiet_shop(struct script *s)
{
    uint32_t shops = s->world->shop_count;
    return rsi_random_between(&s->random, shops / 16, shops / 2);
}

static void lockstep(struct script *s)
{
    static const uint32_t events[RS_HIDING_COUNT] = {7, 6, 5};
    static const uint32_t taking_part[RS_HIDING_COUNT] = {900, 750, 600};
    static const uint32_t window_s[RS_HIDING_COUNT] = {180, 420, 780};
    rs_hiding h = s->ring->hiding;
    for (uint32_t e = 0; e < events[h]; e++) {
        uint32_t shop = quiet_shop(s);
        uint32_t at = some_moment(s);
        uint32_t cents = rsi_purchase_cents(&s->random) + 1000;
        for (uint32_t i = 0; i < s->ring->size; i++) {
            if (rsi_random_chance(&s->random, taking_part[h])) {
                uint32_t wait = rsi_random_below(&s->random, window_s[h]);
                uint32_t more = rsi_random_below(&s->random, 1 + cents / 4);
                send(s, at + wait, member(s, i), shop, cents + more);
            }
        }
    }
}

/* ---- device farm -------------------------------------------------------------------------- */

/* What the accounts won is brought together now and then. */
static void device_farm(struct script *s)
{
    static const uint32_t times[RS_HIDING_COUNT] = {2, 1, 0};
    for (uint32_t i = 1; i < s->ring->size; i++) {
        for (uint32_t k = 0; k < times[s->ring->hiding]; k++) {
            uint32_t at = some_moment(s);
            send(s, at, member(s, i), member(s, 0), round_sum(s, 10, 120));
        }
    }
}

/* ---- cards -------------------------------------------------------------------------------- */

static void use_card(struct script *s, uint32_t i, uint32_t card)
{
    uint32_t at = rsi_join_second(s->world, member(s, i));
    uint32_t start = (RSI_HISTORY_DAYS + s->world->options.nights / 8) * RSI_DAY_S;
    uint32_t later = at > start ? at : start;
    rsi_rows_push(s->instruments, later + rsi_random_below(&s->random, 2 * RSI_DAY_S), member(s, i),
                  4 * s->world->account_count + s->ring->card_first + card, RSI_NO_THING);
}

/* Two by two: with the next in line, and some with the one three places on. No card has more than
 * two users (three in the open). */
static void cards_two_by_two(struct script *s)
{
    static const uint32_t links[RS_HIDING_COUNT] = {1000, 1000, 900};
    static const uint32_t more[RS_HIDING_COUNT] = {700, 600, 500};
    uint32_t size = s->ring->size;
    rs_hiding h = s->ring->hiding;
    for (uint32_t i = 0; i + 1 < size; i++) {
        if (rsi_random_chance(&s->random, links[h])) {
            use_card(s, i, i);
            use_card(s, i + 1, i);
            if (h == RS_HIDING_OPEN && i + 2 < size) {
                use_card(s, i + 2, i);
            }
        }
        if (i + 3 < size && rsi_random_chance(&s->random, more[h])) {
            use_card(s, i, size + i);
            use_card(s, i + 3, size + i);
        }
    }
}

static void cards_in_common(struct script *s)
{
    uint32_t users = s->ring->hiding == RS_HIDING_OPEN ? 700 : 350;
    for (uint32_t i = 0; i < s->ring->size && s->ring->card_count > 0; i++) {
        if (rsi_random_chance(&s->random, users)) {
            use_card(s, i, rsi_random_below(&s->random, s->ring->card_count));
        }
    }
}

void rsi_ring_script(const rsi_world *world, const rsi_group *ring, rsi_rows *payments,
                     rsi_rows *instruments)
{
    static void (*const scripts[RS_RING_KIND_COUNT])(struct script *) = {
        [RS_RING_DEVICE_FARM] = device_farm,
        [RS_RING_MULE_CHAIN] = mule_chain,
        [RS_RING_PAYMENT_CYCLE] = payment_cycle,
        [RS_RING_BUST_OUT] = bust_out,
        [RS_RING_LOCKSTEP] = lockstep};
    struct script s = {
        .world = world, .ring = ring, .payments = payments, .instruments = instruments};
    rsi_random_seed(&s.random, world->keys[RSI_KEY_SCRIPT], ring->first);
    scripts[ring->kind](&s);
    if (ring->kind == RS_RING_BUST_OUT) {
        cards_two_by_two(&s);
    } else {
        cards_in_common(&s);
    }
}
