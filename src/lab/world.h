/* world.h - who lives in a generated data set: accounts, groups, and the numbers of what they
 * share.
 *
 * Everything is a function of (options, account, day): nothing but a group number is kept per
 * account, and no row is held longer than its day.
 *
 * Accounts are numbered inside; what the files show is a permutation of that, so an id tells
 * nothing:
 *
 *   [ shops ][ rings ][ look-alike groups, kind by kind ][ everyone else ]
 *
 * Things (devices, cards, addresses) are numbers too: account * 4 + k is the k-th own one of an
 * account, 4 * account_count + i is shared thing i, and addresses from 5 * account_count on are the
 * pool of dynamic ones.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_LAB_WORLD_H
#define RSI_LAB_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/random.h"
#include "lab/rows.h"
#include "ringscope/lab.h"

#define RSI_DAY_S        86400u
#define RSI_HISTORY_DAYS 720u /* accounts and cards may be that much older than the first night */
#define RSI_NO_GROUP     UINT32_MAX
#define RSI_FIRST_NIGHT  1772323200 /* 2026-03-01, UTC */

typedef struct rsi_group {
    uint32_t first, size; /* accounts */
    uint32_t device_first, device_count;
    uint32_t place_first, place_count;
    uint32_t card_first, card_count;
    uint32_t number; /* 1, 2, ... among rings, or among its kind of look-alike */
    bool ring;
    rs_ring_kind kind;      /* rings */
    rs_hiding hiding;       /* rings */
    rs_lookalike lookalike; /* others */
} rsi_group;

/* Chances are per mille. A member that is `eligible` uses a shared device in `device` of its
 * logins, among `reach` neighbouring ones; `place` likewise. `tied`: the device stands at the
 * place. */
typedef struct rsi_habit {
    uint16_t device, eligible, reach, place;
    bool tied;
    uint16_t payments; /* of what a plain account pays */
} rsi_habit;

typedef struct rsi_world {
    rs_generate_options options;
    uint32_t account_count;
    uint32_t shop_count;
    uint32_t ring_count; /* rings are groups 0 .. ring_count-1 */
    uint32_t ring_account_count;
    uint32_t group_count;
    uint32_t carrier_first, carrier_count; /* groups */
    rsi_group *groups;
    uint32_t *group_of; /* by account */
    uint32_t *joined;   /* by account: the second of its first day */
    uint32_t *number;   /* by account: the number in its id */
    uint8_t *activity;  /* by account: octaves of its logins (low four bits) and payments */
    uint32_t shared_device_count, shared_place_count, shared_card_count;
    rsi_permutation names;   /* account -> the number in its id */
    rsi_permutation circles; /* account -> place among friends */
    uint64_t keys[12];       /* one for each independent question: enum rsi_key */
} rsi_world;

enum rsi_key {
    RSI_KEY_ACTIVITY,
    RSI_KEY_JOIN,
    RSI_KEY_LOGIN,
    RSI_KEY_PAY,
    RSI_KEY_HOME,
    RSI_KEY_LEASE,
    RSI_KEY_NAME,
    RSI_KEY_THING,
    RSI_KEY_SCRIPT,
    RSI_KEY_CARD,
    RSI_KEY_LIST,
    RSI_KEY_ELIGIBLE
};

/* world.c */
RS_MUST_USE rs_status rsi_world_make(rsi_world *world, const rs_generate_options *options,
                                     rs_error *err);
void rsi_world_free(rsi_world *world);
const rsi_habit *rsi_habit_of(const rsi_group *group); /* NULL: a plain account */
/* A 64-bit draw that depends on the question and the two numbers alone. */
static inline uint64_t rsi_draw(const rsi_world *world, enum rsi_key key, uint64_t a, uint64_t b)
{
    return rsi_mix64(rsi_mix64(a ^ world->keys[key]) + b * 0x9e3779b97f4a7c15u);
}
const char *rsi_role(const rsi_group *group, uint32_t member);

static inline const rsi_group *rsi_group_of(const rsi_world *world, uint32_t account)
{
    uint32_t group = world->group_of[account];
    return group == RSI_NO_GROUP ? NULL : &world->groups[group];
}

/* Seconds count from RSI_HISTORY_DAYS before the first night. */
static inline uint32_t rsi_join_second(const rsi_world *world, uint32_t account)
{
    return world->joined[account];
}

/* people.c */
uint32_t rsi_draw_join(const rsi_world *world, uint32_t account);
uint8_t rsi_draw_activity(const rsi_world *world, uint32_t account);
uint32_t rsi_some_shop(const rsi_world *world, rsi_random *random);
uint32_t rsi_some_friend(const rsi_world *world, uint32_t account, rsi_random *random);
uint32_t rsi_purchase_cents(rsi_random *random);
uint32_t rsi_second_of_day(rsi_random *random);
bool rsi_is_eligible(const rsi_world *world, uint32_t account, uint32_t per_mille);
void rsi_people_day(const rsi_world *world, uint32_t day, rsi_rows *logins, rsi_rows *payments);
/* Cards and phones that are first seen in [from, to). */
void rsi_people_instruments(const rsi_world *world, uint32_t from, uint32_t to,
                            rsi_rows *instruments);

/* rings.c, crowds.c: what groups do by plan, over all days at once. */
void rsi_ring_script(const rsi_world *world, const rsi_group *ring, rsi_rows *payments,
                     rsi_rows *instruments);
void rsi_crowd_script(const rsi_world *world, const rsi_group *group, rsi_rows *payments);

/* names.c: ids as the files show them; each returns the length, at most RSI_NAME_MAX. */
#define RSI_NAME_MAX 48
size_t rsi_name_account(const rsi_world *world, uint32_t account, char *out);
size_t rsi_name_device(const rsi_world *world, uint32_t device, char *out);
size_t rsi_name_card(const rsi_world *world, uint32_t card, char *out);
size_t rsi_name_phone(const rsi_world *world, uint32_t phone, char *out);
size_t rsi_name_address(const rsi_world *world, uint32_t address, char *out);
size_t rsi_put_decimal(char *out, uint64_t value);

/* lists.c: the small files. */
RS_MUST_USE rs_status rsi_write_lists(const rsi_world *world, const char *dir,
                                      rs_generate_result *result, rs_error *err);
RS_MUST_USE rs_status rsi_write_mapping(const char *dir, rs_error *err);
RS_MUST_USE rs_status rsi_write_readme(const rsi_world *world, const char *dir,
                                       const rs_generate_result *result, rs_error *err);

/* "YYYY-MM-DD" of day 0, 1, ... from the first night on. */
void rsi_date(uint32_t day, char out[11]);

#endif
