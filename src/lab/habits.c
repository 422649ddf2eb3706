/* habits.c - how often members of each kind of group use what the group shares.
 *
 * One table for look-alikes and one for rings, per mille; what the columns mean stands in world.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "lab/world.h"

static const rsi_habit lookalike_habits[RS_LOOKALIKE_COUNT] = {
    /*                           device eligible reach place tied payments */
    [RS_LOOKALIKE_FAMILY] = {350, 800, 2, 850, true, 1000},
    [RS_LOOKALIKE_OFFICE] = {300, 300, 1, 500, true, 1000},
    [RS_LOOKALIKE_CAFE] = {900, 1000, 12, 300, true, 1000},
    [RS_LOOKALIKE_CARRIER] = {0, 0, 1, 900, false, 1000},
    [RS_LOOKALIKE_SHOP] = {0, 0, 1, 0, false, 300},
    [RS_LOOKALIKE_PAYROLL] = {0, 0, 1, 0, false, 1000},
    [RS_LOOKALIKE_CREW] = {800, 1000, 2, 600, true, 1000},
    [RS_LOOKALIKE_SAVINGS_CIRCLE] = {0, 0, 1, 0, false, 1000},
    [RS_LOOKALIKE_FLASH_SALE] = {0, 0, 1, 0, false, 1500},
    [RS_LOOKALIKE_MARKETPLACE] = {0, 0, 1, 0, false, 1000},
    [RS_LOOKALIKE_DORM] = {250, 400, 1, 800, true, 1000},
    [RS_LOOKALIKE_SECOND_HAND] = {0, 0, 1, 0, false, 1000},
    [RS_LOOKALIKE_CARER] = {600, 1000, 1, 0, false, 600},
    [RS_LOOKALIKE_CLUB] = {500, 400, 1, 120, true, 1000},
};

static const rsi_habit ring_habits[RS_RING_KIND_COUNT][RS_HIDING_COUNT] = {
    [RS_RING_DEVICE_FARM] = {{800, 1000, 2, 400, false, 1000},
                             {450, 900, 2, 150, false, 1200},
                             {300, 900, 2, 0, false, 1200}},
    [RS_RING_MULE_CHAIN] = {{450, 900, 1, 250, false, 1000},
                            {120, 500, 1, 40, false, 1200},
                            {0, 0, 1, 0, false, 1200}},
    [RS_RING_PAYMENT_CYCLE] = {{450, 900, 1, 250, false, 1000},
                               {120, 500, 1, 40, false, 1200},
                               {0, 0, 1, 0, false, 1200}},
    [RS_RING_BUST_OUT] = {{400, 850, 1, 250, false, 1000},
                          {120, 400, 1, 40, false, 1200},
                          {0, 0, 1, 0, false, 1200}},
    [RS_RING_LOCKSTEP] = {{450, 900, 1, 250, false, 1000},
                          {120, 500, 1, 40, false, 1200},
                          {0, 0, 1, 0, false, 1200}},
};

const rsi_habit *rsi_habit_of(const rsi_group *group)
{
    if (group == NULL) {
        return NULL;
    }
    return group->ring ? &ring_habits[group->kind][group->hiding]
                       : &lookalike_habits[group->lookalike];
}

const char *rsi_role(const rsi_group *group, uint32_t member)
{
    if (!group->ring) {
        bool has_head =
            group->lookalike == RS_LOOKALIKE_PAYROLL || group->lookalike == RS_LOOKALIKE_OFFICE ||
            group->lookalike == RS_LOOKALIKE_MARKETPLACE ||
            group->lookalike == RS_LOOKALIKE_CARER || group->lookalike == RS_LOOKALIKE_CLUB;
        return has_head && member == 0 ? "head" : "member";
    }
    if (group->kind == RS_RING_MULE_CHAIN) {
        return member == 0 ? "collector" : member == 1 ? "exit" : "mule";
    }
    if (group->kind == RS_RING_DEVICE_FARM) {
        return member == 0 ? "collector" : "member";
    }
    return "member";
}

const char *rs_ring_kind_name(rs_ring_kind kind)
{
    static const char *const names[RS_RING_KIND_COUNT] = {"device_farm", "mule_chain",
                                                          "payment_cycle", "bust_out", "lockstep"};
    return names[kind];
}

const char *rs_hiding_name(rs_hiding hiding)
{
    static const char *const names[RS_HIDING_COUNT] = {"open", "mixed", "hidden"};
    return names[hiding];
}

const char *rs_lookalike_name(rs_lookalike lookalike)
{
    static const char *const names[RS_LOOKALIKE_COUNT] = {
        "family",         "office",     "cafe",        "carrier", "shop",        "payroll", "crew",
        "savings_circle", "flash_sale", "marketplace", "dorm",    "second_hand", "carer",   "club"};
    return names[lookalike];
}
