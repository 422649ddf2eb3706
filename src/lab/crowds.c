/* crowds.c - what honest groups do by plan: payday, rounds of savings, flash sales, markets, dues.
 *
 * Each looks like a ring in one respect: docs/DATASETS.md says in which, and what tells it apart.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "lab/world.h"

#define HOUR 3600u

struct script {
    const rsi_world *world;
    const rsi_group *group;
    rsi_random random;
    rsi_rows *payments;
    uint32_t nights;
};

static void send(struct script *s, uint32_t second, uint32_t from, uint32_t to, uint32_t cents)
{
    uint32_t end = (RSI_HISTORY_DAYS + s->nights) * RSI_DAY_S;
    if (second < end && from != to && second >= rsi_join_second(s->world, from) &&
        second >= rsi_join_second(s->world, to)) {
        rsi_rows_push(s->payments, second, from, to, cents);
    }
}

static uint32_t member(const struct script *s, uint32_t i)
{
    return s->group->first + i % s->group->size;
}

static uint32_t day_start(uint32_t day)
{
    return (RSI_HISTORY_DAYS + day) * RSI_DAY_S;
}

/* The head pays everyone on one day of the month, within minutes, by grade. */
static void payday(struct script *s)
{
    static const uint32_t grades[] = {145000, 168000, 192000, 192000, 225000, 268000, 310000};
    uint32_t date = rsi_random_chance(&s->random, 700) ? 24 + rsi_random_below(&s->random, 5)
                                                       : 13 + rsi_random_below(&s->random, 3);
    uint32_t hour = rsi_random_between(&s->random, 1, 8);
    for (uint32_t month = 0; month * 30 + date < s->nights; month++) {
        for (uint32_t i = 1; i < s->group->size; i++) {
            uint32_t grade = (uint32_t)(rsi_draw(s->world, RSI_KEY_CARD, member(s, i), 3) % 7);
            send(s, day_start(month * 30 + date) + hour * HOUR + rsi_random_below(&s->random, 400),
                 member(s, 0), member(s, i), grades[grade]);
        }
    }
}

/* Everyone pays the same sum to the one whose turn it is, round after round. */
static void savings_circle(struct script *s)
{
    static const uint32_t shares[] = {5000, 10000, 10000, 20000, 25000, 50000};
    uint32_t cents = shares[rsi_random_below(&s->random, 6)];
    uint32_t every = rsi_random_between(&s->random, 2, 7);
    uint32_t turn = rsi_random_below(&s->random, s->group->size);
    for (uint32_t day = rsi_random_below(&s->random, every); day < s->nights; day += every) {
        for (uint32_t i = 0; i < s->group->size; i++) {
            send(s, day_start(day) + rsi_second_of_day(&s->random), member(s, i), member(s, turn),
                 cents);
        }
        turn++;
    }
}

/* Followers of the same brands: each sale draws a part of them within minutes. */
static void flash_sale(struct script *s)
{
    uint32_t shop =
        rsi_random_between(&s->random, s->world->shop_count / 6, s->world->shop_count - 1);
    uint32_t sales = rsi_random_between(&s->random, 1, 3);
    for (uint32_t k = 0; k < sales; k++) {
        uint32_t day = rsi_random_below(&s->random, s->nights);
        uint32_t at = day_start(day) + rsi_random_between(&s->random, 8, 20) * HOUR;
        uint32_t cents = rsi_purchase_cents(&s->random) + 2000;
        for (uint32_t i = 0; i < s->group->size; i++) {
            if (rsi_random_chance(&s->random, 550)) {
                uint32_t wait = rsi_random_below(&s->random, 1200);
                send(s, at + (wait < 600 ? wait / 3 : wait), member(s, i), shop,
                     cents + 500 * rsi_random_below(&s->random, 4));
            }
        }
        if (rsi_random_chance(&s->random, 400)) { /* the next sale is another brand's */
            shop =
                rsi_random_between(&s->random, s->world->shop_count / 6, s->world->shop_count - 1);
        }
    }
}

/* Buyers pay the platform, which pays its sellers a little less the next day. */
static void marketplace(struct script *s)
{
    uint32_t sales = s->nights * (2 + s->group->size);
    for (uint32_t k = 0; k < sales; k++) {
        uint32_t buyer =
            rsi_random_between(&s->random, s->world->shop_count, s->world->account_count - 1);
        uint32_t seller = member(s, 1 + rsi_random_below(&s->random, s->group->size - 1));
        uint32_t day = rsi_random_below(&s->random, s->nights);
        uint32_t at = day_start(day) + rsi_second_of_day(&s->random);
        uint32_t cents = rsi_purchase_cents(&s->random) * 3 + 500;
        send(s, at, buyer, member(s, 0), cents);
        send(s, at + rsi_random_between(&s->random, HOUR, 30 * HOUR), member(s, 0), seller,
             (uint32_t)((uint64_t)cents * 965 / 1000));
    }
}

/* Dues to the treasurer on one day, who pays the hall; then everybody at the same bar after
 * training. */
static void club(struct script *s)
{
    uint32_t due = rsi_random_between(&s->random, 0, s->nights - 2);
    uint32_t cents = 500 * rsi_random_between(&s->random, 3, 12);
    for (uint32_t i = 1; i < s->group->size; i++) {
        send(s, day_start(due) + rsi_second_of_day(&s->random), member(s, i), member(s, 0), cents);
    }
    send(s, day_start(due + 1) + 10 * HOUR, member(s, 0), rsi_some_shop(s->world, &s->random),
         cents * (s->group->size - 1) / 100 * 97);
    uint32_t bar = rsi_random_below(&s->random, s->world->shop_count);
    for (uint32_t day = rsi_random_below(&s->random, 7); day < s->nights; day += 7) {
        for (uint32_t i = 0; i < s->group->size; i++) {
            if (rsi_random_chance(&s->random, 220)) {
                uint32_t wait = rsi_random_below(&s->random, 5400);
                send(s, day_start(day) + 20 * HOUR + wait, member(s, i), bar,
                     rsi_purchase_cents(&s->random));
            }
        }
    }
}

/* Pocket money, housekeeping. */
static void family(struct script *s)
{
    for (uint32_t i = 1; i < s->group->size; i++) {
        if (rsi_random_chance(&s->random, 350)) {
            uint32_t cents = 1000 * rsi_random_between(&s->random, 1, 8);
            for (uint32_t day = rsi_random_below(&s->random, 7); day < s->nights; day += 7) {
                send(s, day_start(day) + rsi_second_of_day(&s->random), member(s, 0), member(s, i),
                     cents);
            }
        }
    }
}

static void nothing(struct script *s)
{
    (void)s;
}

void rsi_crowd_script(const rsi_world *world, const rsi_group *group, rsi_rows *payments)
{
    static void (*const scripts[RS_LOOKALIKE_COUNT])(struct script *) = {
        [RS_LOOKALIKE_FAMILY] = family,         [RS_LOOKALIKE_OFFICE] = payday,
        [RS_LOOKALIKE_CAFE] = nothing,          [RS_LOOKALIKE_CARRIER] = nothing,
        [RS_LOOKALIKE_SHOP] = nothing,          [RS_LOOKALIKE_PAYROLL] = payday,
        [RS_LOOKALIKE_CREW] = nothing,          [RS_LOOKALIKE_SAVINGS_CIRCLE] = savings_circle,
        [RS_LOOKALIKE_FLASH_SALE] = flash_sale, [RS_LOOKALIKE_MARKETPLACE] = marketplace,
        [RS_LOOKALIKE_DORM] = nothing,          [RS_LOOKALIKE_SECOND_HAND] = nothing,
        [RS_LOOKALIKE_CARER] = nothing,         [RS_LOOKALIKE_CLUB] = club,
    };
    struct script s = {
        .world = world, .group = group, .payments = payments, .nights = world->options.nights};
    rsi_random_seed(&s.random, world->keys[RSI_KEY_SCRIPT], group->first);
    scripts[group->lookalike](&s);
}
