/* people.c - what every account does on a day by itself: logs in, buys, pays friends; its cards and
 * phone.
 *
 * An account's day is drawn from its own stream (account, day), so days and accounts can be made in
 * any order. Activity is heavy-tailed: each doubling of the rate is half as common. Shops are
 * chosen by rank, every octave of ranks alike (Zipf's law with exponent 1, in integers).
 *
 * In this folder no two draws stand in one expression: C does not say which would come first, and
 * compilers differ.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "lab/world.h"

#define LOGIN_RATE 4100u /* of a plain account of least activity, per day, in 1/65536 */
#define PAY_RATE   5200u

static const uint8_t hours[64] = {0,  1,  2,  6,  6,  7,  7,  7,  8,  8,  8,  8,  9,  9,  9,  9,
                                  10, 10, 10, 10, 11, 11, 11, 12, 12, 12, 12, 13, 13, 13, 14, 14,
                                  14, 15, 15, 15, 16, 16, 16, 17, 17, 17, 17, 18, 18, 18, 18, 18,
                                  19, 19, 19, 19, 20, 20, 20, 20, 21, 21, 21, 21, 22, 22, 22, 23};

uint32_t rsi_second_of_day(rsi_random *random)
{
    uint32_t hour = hours[rsi_random_below(random, 64)];
    return hour * 3600u + rsi_random_below(random, 3600);
}

/* Sixteenths of a distribution with a long tail, and a straight line between them. */
uint32_t rsi_purchase_cents(rsi_random *random)
{
    static const uint32_t quantiles[17] = {120,  260,  380,  520,  700,  920,   1190,  1500, 1900,
                                           2400, 3100, 4000, 5300, 7400, 11000, 18000, 60000};
    uint32_t slot = rsi_random_below(random, 16);
    uint32_t cents = rsi_random_between(random, quantiles[slot], quantiles[slot + 1]);
    return rsi_random_chance(random, 300) ? cents - cents % 100 + 99 : cents;
}

static uint32_t friend_cents(rsi_random *random)
{
    static const uint32_t usual[] = {500,  500,  1000, 1000, 1000, 1500,  2000,  2000,
                                     2500, 3000, 4000, 5000, 5000, 10000, 15000, 30000};
    uint32_t cents = usual[rsi_random_below(random, 16)];
    return rsi_random_chance(random, 500) ? cents + rsi_random_below(random, cents) : cents;
}

uint32_t rsi_some_shop(const rsi_world *world, rsi_random *random)
{
    uint32_t octaves = 0;
    while (octaves < 31 && 2u << octaves <= world->shop_count) {
        octaves++;
    }
    uint32_t octave = rsi_random_below(random, octaves + 1);
    uint32_t rank = (1u << octave) + rsi_random_below(random, 1u << octave) - 1;
    return rank < world->shop_count ? rank : rsi_random_below(random, world->shop_count);
}

#define CIRCLE_SIZE 10u

/* Friends stand next to each other in a secret order: friendship is mutual, and friends share
 * friends. */
static uint32_t circle_friend(const rsi_world *world, uint32_t account, rsi_random *random)
{
    uint64_t place = rsi_permute(&world->circles, account);
    uint64_t other = place - place % CIRCLE_SIZE + rsi_random_below(random, CIRCLE_SIZE);
    return other < world->account_count ? (uint32_t)rsi_permute_back(&world->circles, other)
                                        : account;
}

/* Money is sent among the people of one's home, workplace or club too. */
static bool pays_inside(const rsi_group *group)
{
    return group != NULL && !group->ring &&
           (group->lookalike == RS_LOOKALIKE_FAMILY || group->lookalike == RS_LOOKALIKE_OFFICE ||
            group->lookalike == RS_LOOKALIKE_CREW || group->lookalike == RS_LOOKALIKE_DORM ||
            group->lookalike == RS_LOOKALIKE_CLUB ||
            group->lookalike == RS_LOOKALIKE_SAVINGS_CIRCLE);
}

uint32_t rsi_some_friend(const rsi_world *world, uint32_t account, rsi_random *random)
{
    const rsi_group *group = rsi_group_of(world, account);
    uint32_t dice = rsi_random_below(random, 100);
    if (dice < 40 && pays_inside(group)) {
        return group->first + rsi_random_below(random, group->size);
    }
    if (dice < 80) {
        return circle_friend(world, account, random);
    }
    return world->shop_count + rsi_random_below(random, world->account_count - world->shop_count);
}

uint32_t rsi_draw_join(const rsi_world *world, uint32_t account)
{
    const rsi_group *group = rsi_group_of(world, account);
    uint64_t draw = rsi_draw(world, RSI_KEY_JOIN, account, 0);
    uint32_t history = RSI_HISTORY_DAYS * RSI_DAY_S;
    uint32_t period = world->options.nights * RSI_DAY_S;
    uint32_t late = 150; /* per mille that join during the nights */
    uint32_t within = period;
    if (group != NULL && group->ring) {
        static const uint32_t lateness[RS_HIDING_COUNT] = {250, 350, 450};
        late = lateness[group->hiding];
        within = group->hiding == RS_HIDING_HIDDEN ? period / 2 : period / 3;
    }
    uint32_t span = draw % 1000 < late ? within : history;
    uint32_t start = draw % 1000 < late ? history : 0;
    return start + (uint32_t)(((draw >> 32) * span) >> 32);
}

/* ---- logins ------------------------------------------------------------------------------- */

struct visit {
    uint32_t device, address;
};

static uint32_t own_device(const rsi_world *world, uint32_t account, rsi_random *random)
{
    bool has_second = rsi_draw(world, RSI_KEY_HOME, account, 1) % 100 < 45;
    return account * 4 + (has_second && rsi_random_chance(random, 300) ? 1 : 0);
}

/* A line of one's own, or a leased address that other people had before and will have after. */
static uint32_t home_address(const rsi_world *world, uint32_t account, uint32_t day)
{
    uint64_t draw = rsi_draw(world, RSI_KEY_HOME, account, 0);
    if (draw % 100 < 40) {
        return account * 4;
    }
    uint32_t lease_days = 4 + (uint32_t)(draw >> 32) % 12;
    uint32_t lease = (day + (uint32_t)(draw >> 40) % lease_days) / lease_days;
    uint64_t pool = (uint64_t)world->account_count * 16;
    return world->account_count * 5 +
           (uint32_t)(rsi_draw(world, RSI_KEY_LEASE, account, lease) % pool);
}

static uint32_t mobile_address(const rsi_world *world, uint32_t account, uint32_t home,
                               rsi_random *random)
{
    uint64_t draw = rsi_draw(world, RSI_KEY_HOME, account, 2);
    if (world->carrier_count == 0 || draw % 100 >= 40 || !rsi_random_chance(random, 350)) {
        return home;
    }
    const rsi_group *carrier =
        &world->groups[world->carrier_first + (uint32_t)(draw >> 32) % world->carrier_count];
    return 4 * world->account_count + carrier->place_first +
           rsi_random_below(random, carrier->place_count);
}

/* Neighbouring members use neighbouring devices; `reach` of them, from the member's own place on.
 */
static uint32_t group_device(const rsi_world *world, const rsi_group *g, const rsi_habit *habit,
                             uint32_t account, rsi_random *random)
{
    uint32_t at = (uint32_t)((uint64_t)(account - g->first) * g->device_count / g->size);
    at = (at + rsi_random_below(random, habit->reach)) % g->device_count;
    return 4 * world->account_count + g->device_first + at;
}

static uint32_t group_place(const rsi_world *world, const rsi_group *g, uint32_t account,
                            rsi_random *random)
{
    uint32_t at = (account - g->first) % g->place_count;
    if (!g->ring && g->lookalike == RS_LOOKALIKE_CARRIER) {
        at = rsi_random_below(random, g->place_count);
    }
    return 4 * world->account_count + g->place_first + at;
}

static void visit_group(const rsi_world *world, const rsi_group *g, uint32_t account,
                        rsi_random *random, struct visit *visit)
{
    const rsi_habit *habit = rsi_habit_of(g);
    bool there = g->place_count > 0 && rsi_random_chance(random, habit->place);
    if (there) {
        visit->address = group_place(world, g, account, random);
    }
    bool may = g->device_count > 0 && (there || !habit->tied) &&
               rsi_is_eligible(world, account, habit->eligible);
    if (may && rsi_random_chance(random, habit->device)) {
        visit->device = group_device(world, g, habit, account, random);
    }
}

/* The carer's device is the carer's own one; a sold device goes on with its next owner. */
static void visit_special(const rsi_world *world, const rsi_group *g, uint32_t account,
                          uint32_t day, struct visit *visit)
{
    if (g->lookalike == RS_LOOKALIKE_SECOND_HAND && !g->ring) {
        uint32_t member = account - g->first;
        uint32_t sold =
            world->options.nights / 4 +
            (uint32_t)(rsi_draw(world, RSI_KEY_HOME, g->first, 7) % (world->options.nights / 2));
        if (visit->device == account * 4 && member + 1 < g->size && day >= sold) {
            visit->device = account * 4 + 2; /* the new one */
        } else if (visit->device == account * 4 && member > 0 && day > sold) {
            visit->device = (account - 1) * 4; /* bought from the member before */
        }
    }
}

static void log_in(const rsi_world *world, uint32_t account, uint32_t day, rsi_random *random,
                   rsi_rows *logins)
{
    const rsi_group *g = rsi_group_of(world, account);
    uint32_t home = home_address(world, account, day);
    struct visit visit;
    visit.device = own_device(world, account, random);
    visit.address = mobile_address(world, account, home, random);
    if (g != NULL) {
        visit_group(world, g, account, random, &visit);
        visit_special(world, g, account, day, &visit);
    } else if (rsi_random_below(random, 1000) < 4) { /* on a friend's phone */
        visit.device = circle_friend(world, account, random) * 4;
    }
    uint32_t second = (RSI_HISTORY_DAYS + day) * RSI_DAY_S + rsi_second_of_day(random);
    if (second >= rsi_join_second(world, account)) {
        rsi_rows_push(logins, second, account, visit.device, visit.address);
    }
}

/* ---- payments ----------------------------------------------------------------------------- */

static void pay(const rsi_world *world, uint32_t account, uint32_t day, rsi_random *random,
                rsi_rows *payments)
{
    bool is_shop = account < world->shop_count;
    bool buys = is_shop || !rsi_random_chance(random, 450);
    uint32_t payee = buys ? rsi_some_shop(world, random) : rsi_some_friend(world, account, random);
    uint32_t cents = buys ? rsi_purchase_cents(random) : friend_cents(random);
    if (is_shop) {
        cents *= 20; /* a supplier's invoice */
    }
    uint32_t second = (RSI_HISTORY_DAYS + day) * RSI_DAY_S + rsi_second_of_day(random);
    if (payee != account && second >= rsi_join_second(world, account)) {
        rsi_rows_push(payments, second, account, payee, cents);
    }
}

static uint32_t times(uint64_t rate, uint64_t draw)
{
    return (uint32_t)((rate >> 16) + ((draw & 65535) < (rate & 65535) ? 1 : 0));
}

/* 0 .. 5, each half as common as the one before. */
static unsigned octave(uint64_t draw)
{
    unsigned zeros = 0;
    while (zeros < 5 && (draw >> zeros & 1) == 0) {
        zeros++;
    }
    return zeros;
}

uint8_t rsi_draw_activity(const rsi_world *world, uint32_t account)
{
    uint64_t draw = rsi_draw(world, RSI_KEY_ACTIVITY, account, 0);
    return (uint8_t)(octave(draw) | octave(draw >> 20) << 4);
}

static uint64_t pay_rate(const rsi_world *world, uint32_t account)
{
    uint64_t rate = (uint64_t)PAY_RATE << (world->activity[account] >> 4);
    if (account < world->shop_count) {
        return rate / 2;
    }
    const rsi_habit *habit = rsi_habit_of(rsi_group_of(world, account));
    return habit == NULL ? rate : rate * habit->payments / 1000;
}

void rsi_people_day(const rsi_world *world, uint32_t day, rsi_rows *logins, rsi_rows *payments)
{
    for (uint32_t account = 0; account < world->account_count; account++) {
        uint64_t draw = rsi_draw(world, RSI_KEY_LOGIN, account, day);
        uint32_t login_count = times((uint64_t)LOGIN_RATE << (world->activity[account] & 15), draw);
        uint32_t pay_count = times(pay_rate(world, account), draw >> 16);
        if (login_count + pay_count == 0) {
            continue;
        }
        rsi_random random;
        rsi_random_seed(&random, draw, world->keys[RSI_KEY_PAY]);
        for (uint32_t i = 0; i < login_count; i++) {
            log_in(world, account, day, &random, logins);
        }
        for (uint32_t i = 0; i < pay_count; i++) {
            pay(world, account, day, &random, payments);
        }
    }
}

/* ---- cards and phones --------------------------------------------------------------------- */

static void push_within(rsi_rows *rows, uint32_t from, uint32_t to, uint32_t second,
                        uint32_t account, uint32_t card, uint32_t phone)
{
    if (second >= from && second < to) {
        rsi_rows_push(rows, second, account, card, phone);
    }
}

/* A child's account may hang on a parent's phone. */
static uint32_t phone_of(const rsi_world *world, uint32_t account, uint64_t draw)
{
    const rsi_group *g = rsi_group_of(world, account);
    if (g != NULL && !g->ring && g->lookalike == RS_LOOKALIKE_FAMILY && account > g->first + 1 &&
        draw % 100 < 20) {
        return g->first;
    }
    return draw / 100 % 100 < 4 ? RSI_NO_THING : account;
}

/* The household's or firm's card is used by its first two to four members, a carer's by all. */
static uint32_t shared_card(const rsi_world *world, const rsi_group *g, uint32_t account)
{
    if (g == NULL || g->ring || g->card_count == 0) {
        return RSI_NO_THING;
    }
    uint32_t users = g->lookalike == RS_LOOKALIKE_CARER ? g->size : 2 + g->first % 3;
    return account - g->first < users ? 4 * world->account_count + g->card_first : RSI_NO_THING;
}

void rsi_people_instruments(const rsi_world *world, uint32_t from, uint32_t to,
                            rsi_rows *instruments)
{
    uint32_t end = (RSI_HISTORY_DAYS + world->options.nights) * RSI_DAY_S;
    for (uint32_t account = 0; account < world->account_count; account++) {
        uint32_t join = rsi_join_second(world, account);
        if (join >= to) {
            continue;
        }
        uint64_t draw = rsi_draw(world, RSI_KEY_CARD, account, 0);
        uint32_t first_card = draw % 100 < 5 ? RSI_NO_THING : account * 4;
        push_within(instruments, from, to, join, account, first_card,
                    phone_of(world, account, draw >> 8));
        uint32_t later = join + (uint32_t)(((draw >> 32) * (end - join)) >> 32);
        uint32_t shared = shared_card(world, rsi_group_of(world, account), account);
        if (shared != RSI_NO_THING) {
            push_within(instruments, from, to, later, account, shared, RSI_NO_THING);
        } else if ((draw >> 20) % 100 < 22) {
            push_within(instruments, from, to, later, account, account * 4 + 1, RSI_NO_THING);
        }
    }
}
