/* generate.c - `ringscope generate`: a data set with ground truth.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "base/try.h"
#include "cli/cli.h"
#include "ringscope/lab.h"

typedef struct options {
    uint64_t accounts;
    uint64_t nights;
    uint64_t seed;
    uint64_t world;
    double ring_share;
    double known_share;
    double blacklist_noise;
    rsi_list ring_kinds;
    rsi_list lookalikes;
    const char *hiding;
    bool night_folders;
    bool shuffled;
} options;

static const rsi_option table[] = {
    {"accounts", RSI_COUNT, "N", offsetof(options, accounts),
     "accounts in all, shops and employers among them; default 10000", 100, 5e7, false},
    {"nights", RSI_COUNT, "N", offsetof(options, nights), "days covered; default 30", 7, 3650,
     false},
    {"seed", RSI_COUNT, "N", offsetof(options, seed),
     "equal seeds and options give equal bytes; default 1", 0, 0, false},
    {"world", RSI_COUNT, "1|2", offsetof(options, world),
     "1: families, offices, cafes, carriers, shops, payrolls; 2: crews, savings circles, flash "
     "sales, marketplaces, dorms, second-hand devices, carers, clubs beside; default 1",
     1, 2, false},
    {"ring-share", RSI_REAL, "SHARE", offsetof(options, ring_share),
     "share of the accounts that are in rings; 0: nights without rings; default 0.01", 0, 0.5,
     false},
    {"known-share", RSI_REAL, "SHARE", offsetof(options, known_share),
     "share of the ring accounts that are blacklisted; default 0.08", 0, 1, false},
    {"blacklist-noise", RSI_REAL, "SHARE", offsetof(options, blacklist_noise),
     "share of the blacklist that names honest accounts; default 0", 0, 0.9, false},
    {"ring-kind", RSI_LIST, "KIND", offsetof(options, ring_kinds),
     "only rings of this kind: device_farm, mule_chain, payment_cycle, bust_out, lockstep; may be "
     "given again",
     0, 0, false},
    {"lookalike", RSI_LIST, "KIND", offsetof(options, lookalikes),
     "only look-alikes of this kind, such as family or cafe; may be given again", 0, 0, false},
    {"hiding", RSI_WORD, "O:M:H", offsetof(options, hiding),
     "how many rings are open, mixed and hidden; default 1:1:1", 0, 0, false},
    {"night-folders", RSI_FLAG, NULL, offsetof(options, night_folders),
     "write a folder night-YYYY-MM-DD for each day instead of single files", 0, 0, false},
    {"shuffled", RSI_FLAG, NULL, offsetof(options, shuffled),
     "the rows of a day in random order instead of in order of time", 0, 0, false},
    {0},
};

static const options defaults = {.accounts = 10000,
                                 .nights = 30,
                                 .seed = 1,
                                 .world = 1,
                                 .ring_share = 0.01,
                                 .known_share = 0.08,
                                 .hiding = "1:1:1"};

/* ---- names -> bits ------------------------------------------------------------------------ */

static const char *kind_name(unsigned number)
{
    return rs_ring_kind_name((rs_ring_kind)number);
}

static const char *lookalike_name(unsigned number)
{
    return rs_lookalike_name((rs_lookalike)number);
}

static rs_status mask_of(const rsi_list *list, const char *what, const char *(*name)(unsigned),
                         unsigned count, uint32_t *mask, rs_error *err)
{
    const char *names[RS_LOOKALIKE_COUNT + RS_RING_KIND_COUNT];
    *mask = 0;
    for (unsigned k = 0; k < count; k++) {
        names[k] = name(k);
    }
    for (size_t i = 0; i < list->count; i++) {
        unsigned k = 0;
        while (k < count && strcmp(names[k], list->words[i]) != 0) {
            k++;
        }
        if (k == count) {
            const char *nearest = rsi_nearest(list->words[i], names, count);
            return rs_fail(err, RS_EUSAGE, "\"--%s\": no kind \"%.100s\"%s%s%s", what,
                           list->words[i], nearest == NULL ? "" : "; did you mean \"",
                           nearest == NULL ? "" : nearest, nearest == NULL ? "" : "\"?");
        }
        *mask |= 1u << k;
    }
    return RS_OK;
}

/* "2:1:0" */
static rs_status parse_hiding(const char *text, uint32_t *weights, rs_error *err)
{
    const char *at = text;
    for (unsigned i = 0; i < RS_HIDING_COUNT; i++) {
        uint32_t weight = 0;
        bool digit = false;
        for (; *at >= '0' && *at <= '9' && weight <= 1000; at++) {
            weight = weight * 10 + (uint32_t)(*at - '0');
            digit = true;
        }
        bool end = i + 1 == RS_HIDING_COUNT;
        if (!digit || weight > 1000 || *at != (end ? '\0' : ':')) {
            return rs_fail(err, RS_EUSAGE,
                           "\"--hiding\": \"%.100s\" is not three numbers up to 1000 such as 1:1:1",
                           text);
        }
        weights[i] = weight;
        at++;
    }
    if (weights[0] + weights[1] + weights[2] == 0) {
        return rs_fail(err, RS_EUSAGE, "\"--hiding\": one of the three must be above 0");
    }
    return RS_OK;
}

/* ---- the call ----------------------------------------------------------------------------- */

static void print_summary(FILE *out, const char *dir, const rs_generate_result *made)
{
    char one[RSI_FORMAT_MAX], two[RSI_FORMAT_MAX], three[RSI_FORMAT_MAX];
    fprintf(out, "rows: %s logins, %s instruments, %s payments\n",
            rsi_format_count(one, made->login_count), rsi_format_count(two, made->instrument_count),
            rsi_format_count(three, made->payment_count));
    fprintf(out, "rings: %s with %s accounts, %s blacklist entries\n",
            rsi_format_count(one, made->ring_count),
            rsi_format_count(two, made->ring_account_count),
            rsi_format_count(three, made->blacklist_count));
    fprintf(out, "look-alikes: %s groups with %s accounts\n",
            rsi_format_count(one, made->group_count),
            rsi_format_count(two, made->group_account_count));
    fputs("data set: ", out);
    rsi_print_text(out, rsi_text(dir));
    fputc('\n', out);
}

static rs_status run(rsi_call *call, rs_error *err)
{
    rs_status status = RS_OK;
    const options *o = call->options;
    rs_generate_result made;
    rs_generate_options wanted = {.account_count = o->accounts,
                                  .ring_share = o->ring_share,
                                  .known_share = o->known_share,
                                  .blacklist_noise = o->blacklist_noise,
                                  .nights = (uint32_t)o->nights,
                                  .night_folders = o->night_folders,
                                  .shuffled = o->shuffled,
                                  .seed = o->seed,
                                  .world = (unsigned)o->world};
    RS_TRY(mask_of(&o->ring_kinds, "ring-kind", kind_name, RS_RING_KIND_COUNT, &wanted.ring_kinds,
                   err));
    RS_TRY(mask_of(&o->lookalikes, "lookalike", lookalike_name, RS_LOOKALIKE_COUNT,
                   &wanted.lookalikes, err));
    RS_TRY(parse_hiding(o->hiding, wanted.hiding_weights, err));
    RS_TRY(rs_generate(call->words[0], &wanted, call->work, &made, err));
    print_summary(call->out, call->words[0], &made);
done:
    return status;
}

const rsi_command rsi_command_generate = {
    .name = "generate",
    .summary = "make a data set with rings, look-alikes and the truth about them",
    .words = "DIR [options]",
    .about =
        "Writes logins, instruments and payments of invented accounts into DIR, with a mapping,\n"
        "a blacklist, a whitelist, and truth.csv, which says who is in which ring. Rings are of\n"
        "five kinds, each open, mixed or hidden, among honest groups that look like rings.\n"
        "Equal options give equal bytes on every machine.",
    .word_min = 1,
    .word_max = 1,
    .options = table,
    .options_size = sizeof(options),
    .defaults = &defaults,
    .run = run,
};
