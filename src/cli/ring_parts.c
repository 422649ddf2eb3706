/* ring_parts.c - how steady a ring is, what ties its members, what holds it together, who only paid
 * it, for a person.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdlib.h>

#include "base/try.h"
#include "cli/cli.h"
#include "cli/rings.h"
#include "store/dict.h"

void rsi_print_stability(FILE *out, const rs_cluster *cluster)
{
    if (cluster->stability != RS_NO_STABILITY) {
        uint32_t back = (cluster->stability * RS_STEADY_RERUNS + RS_MILLION / 2) / RS_MILLION;
        fprintf(out,
                "came back in %" PRIu32 " of %" PRIu32
                " reruns with a twentieth of its evidence left out\n",
                back, RS_STEADY_RERUNS);
    }
}

static void print_named(FILE *out, const rs_named *node)
{
    rsi_print_text(out, node->type);
    fputc(' ', out);
    rsi_print_text(out, node->id);
}

static void print_tie(FILE *out, const rs_cluster_tie *tie)
{
    print_named(out, &tie->with);
    if (tie->thing.type.length > 0) {
        fputs(" by ", out);
        print_named(out, &tie->thing);
    }
    fputs(" (", out);
    rsi_print_text(out, tie->kind);
    if (tie->relation.length > 0) {
        fputs(", ", out);
        rsi_print_text(out, tie->relation);
    }
    fprintf(out, ", %.0f %%)", 100.0 * tie->weight / RS_MILLION);
}

void rsi_print_ties(FILE *out, const rs_cluster_member *const *members, size_t count)
{
    const rs_cluster_member *exposed = NULL;
    bool first = true;
    for (size_t i = 0; i < count; i++) {
        const rs_cluster_member *member = members[i];
        if (member->tie_count == 0) {
            continue;
        }
        fputs(first ? "\nthe least that makes them members (of all that ties them)\n" : "", out);
        first = false;
        fputs("  ", out);
        rsi_print_text(out, member->node.id);
        for (size_t k = 0; k < member->tie_count; k++) {
            fputs(k == 0 ? ": " : "; ", out);
            print_tie(out, &member->ties[k]);
        }
        if (member->more_ties > 0) {
            fprintf(out, "; and %" PRIu32 " more", member->more_ties);
        }
        fputc('\n', out);
        exposed = exposed == NULL && !member->known ? member : exposed;
    }
    if (exposed != NULL) { /* they come by risk */
        fputs("  how risk reaches one: ringscope explain STORE ", out);
        rsi_print_text(out, exposed->node.type);
        fputc(':', out);
        rsi_print_text(out, exposed->node.id);
        fputc('\n', out);
    }
}

static bool same_type(const rs_cluster *cluster, const rs_named *thing)
{
    return cluster->member_count > 0 &&
           rsi_text_compare(cluster->members[0].node.type, thing->type) == 0;
}

static void print_alone(FILE *out, const rs_cluster_hold *hold)
{
    fprintf(out, "; %" PRIu32 " %s on it alone: ", hold->alone_count,
            hold->alone_count == 1 ? "hangs" : "hang");
    for (size_t i = 0; i < hold->listed_count; i++) {
        fputs(i == 0 ? "" : ", ", out);
        rsi_print_text(out, hold->alone[i].id);
    }
    if (hold->listed_count < hold->alone_count) {
        fprintf(out, " and %zu more", hold->alone_count - hold->listed_count);
    }
}

void rsi_print_holds(FILE *out, const rs_cluster *cluster)
{
    fputs(cluster->hold_count > 0 ? "\nwhat holds it together\n" : "", out);
    for (size_t i = 0; i < cluster->hold_count; i++) {
        const rs_cluster_hold *hold = &cluster->holds[i];
        fputs(same_type(cluster, &hold->thing) ? "  without their dealings with " : "  without ",
              out);
        rsi_print_text(out, hold->thing.type);
        fputc(' ', out);
        rsi_print_text(out, hold->thing.id);
        fprintf(out, " it falls into %" PRIu32 " parts", hold->part_count);
        if (hold->alone_count > 0) {
            print_alone(out, hold);
        } else {
            fprintf(out, "; %" PRIu32 " are cut off", hold->cut_count);
        }
        fputc('\n', out);
    }
}

static void print_sum(FILE *out, const rs_cluster_paid *paid)
{
    if (paid->amount.length > 0) {
        fputs(", ", out);
        rsi_print_text(out, paid->amount);
        fputs(paid->currency.length > 0 ? " " : "", out);
        rsi_print_text(out, paid->currency);
        fputs(" in all", out);
    }
}

static rs_status print_people(FILE *out, const rs_cluster_paid *paid, size_t shown, rs_error *err)
{
    static const char *const heads[] = {"type", "id", "payments", "amount"};
    rsi_table *table = rsi_table_new("llrr");
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        rsi_table_cell(table, "%s", heads[i]);
    }
    for (size_t i = 0; i < shown; i++) {
        const rs_cluster_victim *victim = &paid->victims[i];
        rs_text texts[] = {victim->node.type, victim->node.id};
        for (size_t k = 0; k < 2; k++) {
            char *safe = rsi_safe(texts[k], 0);
            rsi_table_cell(table, "%s", safe != NULL ? safe : "(out of memory)");
            free(safe);
        }
        rsi_table_cell(table, "%" PRIu32, victim->payment_count);
        rsi_table_cell(table, "%.*s", (int)victim->amount.length, victim->amount.bytes);
    }
    rs_status status = rsi_table_print(table, out, 2, err);
    rsi_table_free(table);
    return status;
}

rs_status rsi_print_victims(FILE *out, const rs_cluster *cluster, size_t limit, rs_error *err)
{
    rs_status status = RS_OK;
    for (size_t i = 0; i < cluster->paid_count; i++) {
        const rs_cluster_paid *paid = &cluster->paid[i];
        size_t shown = limit > 0 && limit < paid->listed_count ? limit : paid->listed_count;
        fprintf(out, "\nvictims: %" PRIu32 " who only paid it, %" PRIu64 " payment%s (",
                paid->victim_count, paid->payment_count, paid->payment_count == 1 ? "" : "s");
        rsi_print_text(out, paid->relation);
        fputc(')', out);
        print_sum(out, paid);
        fputc('\n', out);
        RS_TRY(print_people(out, paid, shown, err));
        if (shown < paid->victim_count) {
            fprintf(out, "  and %zu more\n", paid->victim_count - shown);
        }
    }
done:
    return status;
}
