/* explain_gather.c - what explain gathers of one node, whatever it comes from.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/try.h"
#include "cli/explain.h"
#include "cli/stages.h"
#include "report/trace.h"

rs_status rsi_why_copy(char **out, const char *bytes, size_t length, rs_error *err)
{
    *out = malloc(length + 1);
    if (*out == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (an explanation)");
    }
    if (length > 0) {
        memcpy(*out, bytes, length);
    }
    (*out)[length] = '\0';
    return RS_OK;
}

double rsi_why_tolerance(int64_t risk)
{
    const double least = 1e-9, most = 1e-5;
    double share = (double)(risk < 0 ? -risk : risk) / (double)RS_RISK_ONE / 8192;
    return share < least ? least : share > most ? most : share;
}

void rsi_why_keep_user(rsi_why *why, rsi_why_user user)
{
    size_t at = why->user_count;
    for (size_t i = 0; i < why->user_count; i++) {
        if (why->users[i].node == user.node) {
            return;
        }
    }
    while (at > 0 &&
           (why->users[at - 1].spread < user.spread ||
            (why->users[at - 1].spread == user.spread && why->users[at - 1].node > user.node))) {
        at--;
    }
    if (at >= RSI_WHY_USERS_MAX) {
        return;
    }
    size_t last = why->user_count < RSI_WHY_USERS_MAX ? why->user_count++ : RSI_WHY_USERS_MAX - 1;
    memmove(&why->users[at + 1], &why->users[at], (last - at) * sizeof *why->users);
    why->users[at] = user;
}

rs_status rsi_why_add_plain(rsi_why *why, const char *name, bool first, rs_error *err)
{
    if (first) {
        free(why->plain);
        return rsi_why_copy(&why->plain, name, strlen(name), err);
    }
    if (why->plain != NULL && strcmp(why->plain, name) != 0) {
        free(why->plain);
        why->plain = NULL;
    }
    return RS_OK;
}

const rsi_why_node *rsi_why_named(const rsi_why *why, uint32_t node)
{
    for (size_t i = 0; i < why->node_count; i++) {
        if (why->nodes[i].node == node) {
            return &why->nodes[i];
        }
    }
    return NULL;
}

static void add_node(rsi_why *why, uint32_t node)
{
    if (node != RS_NO_NODE && rsi_why_named(why, node) == NULL) {
        why->nodes[why->node_count++] = (rsi_why_node){.node = node};
    }
}

rs_status rsi_why_gather(rsi_why *why, rs_error *err)
{
    const rs_explanation *spread = &why->spread;
    enum {
        MOST = 1 + sizeof spread->seeds / sizeof spread->seeds[0] + RSI_WHY_USERS_MAX +
               RSI_WHY_PATHS * (2 * RSI_WHY_STEPS + 1)
    };
    why->nodes = calloc(MOST, sizeof *why->nodes);
    if (why->nodes == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (an explanation)");
    }
    add_node(why, why->node);
    for (size_t i = 0; i < spread->listed_count; i++) {
        add_node(why, spread->seeds[i].seed);
    }
    for (size_t i = 0; i < spread->path_count; i++) {
        for (uint32_t k = 0; k < spread->paths[i].length; k++) {
            add_node(why, spread->paths[i].nodes[k]);
            add_node(why, k > 0 ? why->ties[i][k - 1].thing : RS_NO_NODE);
        }
    }
    for (size_t i = 0; i < why->user_count; i++) {
        add_node(why, why->users[i].node);
    }
    return RS_OK;
}

void rsi_why_free(rsi_why *why)
{
    for (size_t i = 0; why->relations != NULL && i < why->relation_count; i++) {
        free(why->relations[i].label);
    }
    for (size_t i = 0; i < RSI_WHY_PATHS; i++) {
        for (size_t k = 0; k < RSI_WHY_STEPS; k++) {
            free(why->ties[i][k].label);
        }
    }
    for (size_t i = 0; i < why->node_count; i++) {
        free(why->nodes[i].id);
        free(why->nodes[i].reason);
    }
    free(why->nodes);
    free(why->type);
    free(why->plain);
    free(why->relations);
    rsi_traced_close(why->traced);
    if (why->stages != NULL) {
        rsi_stages_free(why->stages);
        free(why->stages);
    }
}
