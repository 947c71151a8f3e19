//! The committed seeds of each plan. The last ones of some found a fault.

/// By the plan's name.
pub(crate) const COMMITTED: &[(&str, &[u64])] = &[
    ("three_who_meet_see_and_hear_each_other", &[20, 21, 22]),
    ("late_joiner_gets_a_keyframe_within_a_second", &[23, 24, 25]),
    (
        "who_leaves_is_gone_for_all_and_may_come_again",
        &[26, 27, 28],
    ),
    (
        "who_joins_from_another_device_replaces_the_first",
        &[29, 30, 31],
    ),
    (
        "who_vanishes_is_waited_for_and_then_given_up",
        &[32, 33, 34],
    ),
    (
        "a_host_mutes_and_sends_out_and_an_observer_is_not_seen",
        &[35, 36, 37],
    ),
    ("ten_who_join_at_once_all_meet", &[38, 39, 40]),
    (
        "who_comes_and_goes_all_the_time_disturbs_nobody",
        &[41, 42, 43],
    ),
    ("a_crowd_that_leaves_at_once_leaves_nothing", &[44, 45, 46]),
    (
        "whoever_speaks_is_heard_by_all_though_slots_are_few",
        &[47, 48, 49],
    ),
    (
        "who_wants_a_height_gets_the_layer_that_covers_it",
        &[50, 51, 52],
    ),
    (
        "a_slot_stays_one_continuous_line_when_it_shows_somebody_else",
        &[53, 54, 55, 1911, 2031],
    ),
    (
        "vp9_is_seen_at_every_height_and_all_of_it_decodes",
        &[56, 57, 58],
    ),
    (
        "vp9_with_own_layers_is_seen_at_every_height_and_all_of_it_decodes",
        &[59, 60, 61],
    ),
    (
        "av1_is_seen_at_every_height_and_all_of_it_decodes",
        &[62, 63, 64],
    ),
    (
        "av1_with_own_layers_is_seen_at_every_height_and_all_of_it_decodes",
        &[65, 66, 67],
    ),
    (
        "h264_is_seen_at_every_height_and_all_of_it_decodes",
        &[68, 69, 70],
    ),
    (
        "vp9_over_lossy_lines_moves_and_all_that_comes_decodes",
        &[71, 72, 73],
    ),
    (
        "vp9_with_own_layers_over_lossy_lines_moves_and_all_that_comes_decodes",
        &[74, 75, 76],
    ),
    (
        "av1_over_lossy_lines_moves_and_all_that_comes_decodes",
        &[77, 78, 79],
    ),
    (
        "av1_with_own_layers_over_lossy_lines_moves_and_all_that_comes_decodes",
        &[80, 81, 82],
    ),
    (
        "h264_over_lossy_lines_moves_and_all_that_comes_decodes",
        &[83, 84, 85],
    ),
    (
        "a_vp9_camera_that_nobody_receives_rests_and_is_back_within_one_second",
        &[86, 87, 88],
    ),
    (
        "an_av1_camera_that_nobody_receives_rests_and_is_back_within_one_second",
        &[89, 90, 91],
    ),
    (
        "one_slot_shows_cameras_of_every_coding_in_turn",
        &[92, 93, 94],
    ),
    ("who_takes_one_coding_is_shown_no_other", &[95, 96, 97]),
    ("who_wants_nobody_is_sent_nobody", &[98, 99, 100]),
    ("a_slot_for_the_speaker_follows_the_talk", &[101, 102, 103]),
    ("a_wish_for_a_screen_outlives_the_screen", &[104, 105, 106]),
    (
        "a_camera_that_nobody_receives_is_off_within_two_seconds_and_seen_within_one",
        &[107, 108, 109],
    ),
    (
        "a_layer_that_nobody_receives_is_off_within_two_seconds_and_back_within_one",
        &[110, 111, 112],
    ),
    (
        "who_looks_to_and_fro_switches_nobodys_camera_each_time",
        &[113, 114, 115],
    ),
    (
        "a_recording_keeps_the_best_layer_on_and_no_other",
        &[116, 117, 118],
    ),
    (
        "a_publisher_who_comes_back_hears_what_is_wanted",
        &[119, 120, 121],
    ),
    ("who_is_dark_keeps_nobodys_camera_on", &[122, 123, 124]),
    (
        "a_track_that_is_muted_or_stopped_is_silent_and_comes_back",
        &[125, 126, 127],
    ),
    ("two_screens_at_once_are_seen_by_all", &[128, 129, 130]),
    (
        "a_meeting_survives_five_percent_loss_both_ways",
        &[131, 132, 133],
    ),
    (
        "a_meeting_recovers_from_a_line_that_was_too_narrow",
        &[134, 135, 136],
    ),
    (
        "ten_percent_loss_and_jitter_leave_speech_and_pictures",
        &[137, 138, 139, 71519],
    ),
    ("twenty_percent_loss_ends_nothing", &[140, 141, 142, 202085]),
    ("people_on_another_continent_meet", &[143, 144, 145]),
    (
        "what_comes_twice_or_late_is_taken_once_and_in_order",
        &[146, 147, 148],
    ),
    ("one_bad_line_is_nobody_elses", &[149, 150, 151]),
    (
        "a_line_that_narrows_loses_height_and_no_sound_and_gets_it_back",
        &[1, 2, 3],
    ),
    (
        "ten_percent_lost_on_the_way_down_leave_full_height",
        &[152, 153, 154],
    ),
    (
        "many_faces_on_a_thin_line_are_few_and_somebody_is_heard",
        &[5, 6, 10],
    ),
    ("a_screen_comes_before_faces", &[155, 156, 157]),
    (
        "a_line_that_flaps_does_not_flap_the_picture",
        &[158, 159, 160],
    ),
    (
        "a_receiver_that_estimates_by_itself_gets_what_it_says",
        &[161, 162, 163],
    ),
    (
        "a_receiver_that_only_reports_is_heard_to_on_a_narrow_line",
        &[164, 165, 166],
    ),
    (
        "a_talker_whose_line_loses_a_fifth_stays_intelligible",
        &[167, 168, 169],
    ),
    (
        "a_listener_whose_line_loses_a_fifth_hears_intelligibly",
        &[170, 171, 172],
    ),
    (
        "who_takes_plain_sound_hears_what_was_recovered",
        &[173, 174, 175],
    ),
    ("silence_is_not_sent_and_is_no_loss", &[176, 177, 178]),
    (
        "an_encoder_and_a_player_come_by_posted_offers",
        &[179, 180, 181],
    ),
    ("a_player_sees_and_hears_a_meeting", &[182, 183, 184]),
    ("an_encoder_that_was_dark_is_seen_again", &[185, 186, 187]),
    ("who_has_tcp_only_meets_like_anybody", &[188, 189, 190]),
    ("tcp_over_lossy_lines_loses_nothing", &[191, 192, 193]),
    ("the_loudest_five_of_ten_are_heard", &[194, 195, 196]),
    ("the_last_three_who_spoke_are_seen", &[197, 198, 199]),
    ("a_storm_of_joins_disturbs_nobody", &[200, 201, 202]),
    (
        "a_muted_room_costs_timers_and_nothing_else",
        &[203, 204, 205],
    ),
    (
        "a_flood_of_picture_losses_costs_others_nothing",
        &[206, 207, 208],
    ),
    (
        "a_flood_of_requests_for_packets_costs_others_nothing",
        &[209, 210, 211],
    ),
    ("a_flood_of_arrivals_costs_others_nothing", &[212, 213, 214]),
    (
        "a_flood_of_estimates_costs_others_nothing",
        &[215, 216, 217],
    ),
    (
        "a_flood_of_other_rtcp_costs_others_nothing",
        &[218, 219, 220],
    ),
    ("a_flood_of_messages_costs_others_nothing", &[221, 222, 223]),
    ("a_flood_of_offers_costs_others_nothing", &[224, 225, 226]),
    (
        "a_flood_of_forgeries_costs_others_nothing",
        &[227, 228, 229],
    ),
    ("a_flood_of_media_costs_others_nothing", &[230, 231, 232]),
    ("two_dark_seconds_heal_by_themselves", &[233, 234, 235]),
    ("ten_dark_seconds_end_with_everybody_back", &[236, 237, 238]),
    ("thirty_dark_seconds_cost_no_place", &[239, 240, 241]),
    (
        "who_cannot_send_still_sees_and_is_seen_again",
        &[242, 243, 244],
    ),
    (
        "who_cannot_receive_is_still_seen_and_sees_again",
        &[245, 246, 247],
    ),
    (
        "media_comes_back_though_signalling_never_left",
        &[248, 249, 250],
    ),
    ("a_dark_node_brings_everyone_back", &[251, 252, 253]),
    (
        "who_comes_while_another_is_dark_is_met_later",
        &[254, 255, 256],
    ),
    ("a_new_port_at_the_nat_costs_no_call", &[257, 258, 259]),
    (
        "an_observer_behind_a_new_port_goes_on_watching",
        &[260, 261, 262],
    ),
    (
        "who_goes_to_another_network_takes_the_call_along",
        &[263, 264, 265],
    ),
    (
        "who_goes_to_another_network_is_missed_for_less_than_a_second",
        &[266, 267, 268],
    ),
    ("who_shares_a_screen_takes_it_along", &[269, 270, 271]),
    ("who_walks_to_and_fro_stays_in_the_call", &[272, 273, 274]),
    (
        "a_page_that_is_loaded_again_is_the_same_person",
        &[275, 276, 277],
    ),
    (
        "a_lost_websocket_costs_no_media_and_no_message",
        &[278, 279, 280],
    ),
    ("what_was_said_to_nobody_is_said_again", &[281, 282, 283]),
    ("who_was_muted_while_away_is_told", &[284, 285, 286]),
    (
        "everyone_may_lose_their_websocket_at_once",
        &[287, 288, 289],
    ),
    (
        "a_full_mailbox_still_brings_the_whole_room_back",
        &[290, 291, 292],
    ),
    (
        "a_crash_brings_everyone_back_as_they_were",
        &[293, 294, 295],
    ),
    ("wishes_outlive_a_crash", &[296, 297, 298]),
    (
        "a_second_crash_is_no_worse_than_the_first",
        &[299, 300, 301],
    ),
    (
        "who_was_dark_during_a_crash_comes_back_too",
        &[302, 303, 304],
    ),
    ("a_crash_while_people_join_loses_nobody", &[305, 306, 307]),
    ("twenty_who_come_back_come_spread", &[308, 309, 310]),
    (
        "a_node_that_stops_tells_everyone_to_come_back",
        &[311, 312, 313],
    ),
    (
        "tapes_hold_every_packet_that_the_node_recorded",
        &[314, 315, 316],
    ),
    (
        "a_recorder_that_dies_gets_the_rest_when_it_returns",
        &[317, 318, 319],
    ),
    (
        "a_lossy_line_leaves_the_tapes_of_others_whole",
        &[320, 321, 322],
    ),
    (
        "a_link_that_is_cut_for_a_while_loses_nothing",
        &[323, 324, 325],
    ),
    (
        "a_link_that_parts_is_dialled_again_and_loses_nothing",
        &[326, 327, 328],
    ),
    ("a_recording_goes_on_after_a_crash", &[329, 330, 331]),
    (
        "a_node_that_stops_ends_the_recording_whole",
        &[332, 333, 334],
    ),
    (
        "somebody_dark_is_a_gap_on_their_tape_alone",
        &[335, 336, 337],
    ),
    (
        "a_room_over_two_shards_is_one_and_a_packet_crosses_once",
        &[800, 801, 802],
    ),
    (
        "a_room_over_three_shards_is_one_and_a_packet_crosses_once",
        &[803, 804, 805],
    ),
    (
        "only_layers_that_somebody_receives_there_cross",
        &[806, 807, 808],
    ),
    (
        "a_storm_of_joins_elsewhere_does_not_multiply_keyframes",
        &[809, 810, 811],
    ),
    ("who_speaks_is_one_over_all_shards", &[812, 813, 814]),
    (
        "a_recording_has_every_track_of_every_shard",
        &[815, 816, 817],
    ),
    ("a_host_mutes_and_sends_out_over_shards", &[818, 819, 820]),
    ("a_room_is_full_over_all_shards", &[821, 822, 823]),
    (
        "who_comes_back_is_where_the_connection_is",
        &[824, 825, 826],
    ),
    (
        "what_a_full_queue_between_shards_lost_heals",
        &[827, 828, 829],
    ),
    ("shards_that_lost_each_other_begin_anew", &[830, 831, 832]),
    (
        "a_crash_of_all_shards_brings_everyone_back",
        &[833, 834, 835],
    ),
    (
        "any_trouble_in_any_order_heals",
        &[338, 339, 340, 1478, 30658],
    ),
    (
        "any_trouble_in_any_order_heals_while_recording",
        &[341, 342, 343],
    ),
    (
        "any_trouble_in_any_order_heals_over_shards",
        &[836, 837, 838],
    ),
];
