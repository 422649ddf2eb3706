/* lab.h - data sets with ground truth, and the measuring of a report against one.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RINGSCOPE_LAB_H
#define RINGSCOPE_LAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "work.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- data sets ---------------------------------------------------------------------------- */

typedef enum rs_ring_kind {
    RS_RING_DEVICE_FARM,   /* many accounts on few devices */
    RS_RING_MULE_CHAIN,    /* collector -> mules -> exit, passed on nearly whole */
    RS_RING_PAYMENT_CYCLE, /* money that returns to its sender */
    RS_RING_BUST_OUT,      /* cards shared two by two, then a burst of purchases */
    RS_RING_LOCKSTEP       /* the same merchants within minutes, again and again */
} rs_ring_kind;
#define RS_RING_KIND_COUNT 5

typedef enum rs_hiding {
    RS_HIDING_OPEN,  /* shares heavily */
    RS_HIDING_MIXED, /* own devices and ordinary purchases beside */
    RS_HIDING_HIDDEN /* own devices, few shared things, late members, slow */
} rs_hiding;
#define RS_HIDING_COUNT 3

/* Honest groups that look like rings. From RS_LOOKALIKE_CREW on they are of world 2 alone. */
typedef enum rs_lookalike {
    RS_LOOKALIKE_FAMILY,
    RS_LOOKALIKE_OFFICE,
    RS_LOOKALIKE_CAFE,
    RS_LOOKALIKE_CARRIER,
    RS_LOOKALIKE_SHOP,
    RS_LOOKALIKE_PAYROLL,
    RS_LOOKALIKE_CREW,
    RS_LOOKALIKE_SAVINGS_CIRCLE,
    RS_LOOKALIKE_FLASH_SALE,
    RS_LOOKALIKE_MARKETPLACE,
    RS_LOOKALIKE_DORM,
    RS_LOOKALIKE_SECOND_HAND,
    RS_LOOKALIKE_CARER,
    RS_LOOKALIKE_CLUB
} rs_lookalike;
#define RS_LOOKALIKE_COUNT 14

/* "device_farm", "open", "family", ...; as truth.csv and the options write them. */
RS_API const char *rs_ring_kind_name(rs_ring_kind kind);
RS_API const char *rs_hiding_name(rs_hiding hiding);
RS_API const char *rs_lookalike_name(rs_lookalike lookalike);

typedef struct rs_generate_options {
    uint64_t account_count; /* 100 .. 50,000,000, shops and employers among them */
    double ring_share;      /* share of the accounts that are in rings, 0 .. 0.5 */
    double known_share;     /* share of the ring accounts that are blacklisted, 0 .. 1 */
    double blacklist_noise; /* share of the blacklist that names honest accounts, 0 .. 0.9 */
    uint32_t nights;        /* days covered, 7 .. 3650 */
    bool night_folders;     /* night-YYYY-MM-DD/ folders instead of single files */
    bool shuffled;          /* rows of a day in random order instead of time order */
    uint64_t seed;
    uint32_t ring_kinds;                      /* bit 1 << rs_ring_kind; 0: all */
    uint32_t hiding_weights[RS_HIDING_COUNT]; /* how many rings of each; all 0: alike */
    uint32_t lookalikes;                      /* bit 1 << rs_lookalike; 0: those of the world */
    unsigned world;                           /* 1 or 2 */
} rs_generate_options;
#define RS_GENERATE_DEFAULTS                                                                       \
    {                                                                                              \
        .account_count = 10000, .ring_share = 0.01, .known_share = 0.08, .blacklist_noise = 0.0,   \
        .nights = 30, .seed = 1, .world = 1                                                        \
    }

typedef struct rs_generate_result {
    uint64_t login_count, instrument_count, payment_count; /* rows written */
    uint64_t ring_count, ring_account_count;
    uint64_t group_count, group_account_count; /* look-alikes */
    uint64_t blacklist_count;
} rs_generate_result;

/* Write a data set into the folder `dir` (made where there is none; files of these names are
 * replaced): logins.csv, instruments.csv, payments.csv, blacklist.csv, whitelist.csv, mapping.json,
 * truth.csv, README.md (docs/DATASETS.md). Equal options give equal bytes on every machine.
 * `result` may be NULL. A failure leaves none of them: RS_EUSAGE, RS_EIO, RS_ENOMEM,
 * RS_EINTERRUPTED. Memory: 13 bytes an account, the planned rows of groups, 40 bytes a row of the
 * busiest day. */
RS_API RS_MUST_USE rs_status rs_generate(const char *dir, const rs_generate_options *options,
                                         const rs_work *work, rs_generate_result *result,
                                         rs_error *err);

/* ---- measuring ---------------------------------------------------------------------------- */

typedef struct rs_evaluate_options {
    const char *risks; /* risks CSV of the same run; NULL: risks of the report's members only */
    const char
        *blacklist; /* CSV with columns type, id: known accounts beside the report's; NULL: none */
    const char *subject;    /* node type that is ranked */
    double suspect;         /* a risk or a score from here on is an alarm */
    double overlap;         /* Jaccard index from which a cluster matches a ring, 0.5 .. 1 */
    uint32_t resamples;     /* bootstrap by ring; 0: no intervals */
    uint64_t seed;          /* of the bootstrap */
    uint64_t account_count; /* subjects in all where no risks file tells; 0: those that are named */
} rs_evaluate_options;
#define RS_EVALUATE_DEFAULTS                                                                       \
    {                                                                                              \
        .subject = "account", .suspect = 0.5, .overlap = 0.5, .resamples = 2000, .seed = 1         \
    }

/* Measure the report at `report_path` against the truth at `truth_path`. On RS_OK *json is one JSON
 * document with stable keys (docs/DATASETS.md) that the caller frees with free().
 * RS_EUSAGE, RS_EINPUT (with file, line, column), RS_EIO, RS_ENOMEM, RS_EINTERRUPTED.
 * Memory: O(accounts and members named); the report is streamed. */
RS_API RS_MUST_USE rs_status rs_evaluate(const char *report_path, const char *truth_path,
                                         const rs_evaluate_options *options, const rs_work *work,
                                         char **json, rs_error *err);

#ifdef __cplusplus
}
#endif
#endif
