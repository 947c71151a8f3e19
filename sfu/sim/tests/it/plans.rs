//! Every plan by the claim that it makes: the tests tell each with its committed seeds, a sweep
//! with new ones.

use sfu_sim::chronicle::Chronicle;

use crate::seeds::tell;
use crate::{
    bandwidth, codecs, crash, crowd, darkness, doors, feedback, floods, idle, joining, layers,
    many, moving, network, recording, returning, sound, spread, tracks, trouble, wishes,
};

macro_rules! plans {
    ($($claim:ident => $story:path,)*) => {
        /// Every plan.
        pub(crate) const PLANS: &[(&str, fn(u64) -> Chronicle)] = &[
            $((stringify!($claim), $story),)*
        ];

        $(
            #[test]
            fn $claim() {
                tell(stringify!($claim), $story);
            }
        )*
    };
}

plans! {
    three_who_meet_see_and_hear_each_other => joining::three_meet,
    late_joiner_gets_a_keyframe_within_a_second => joining::a_late_joiner_sees_at_once,
    who_leaves_is_gone_for_all_and_may_come_again => joining::leaving_and_rejoining,
    who_joins_from_another_device_replaces_the_first => joining::another_device,
    who_vanishes_is_waited_for_and_then_given_up => joining::somebody_vanishes,
    a_host_mutes_and_sends_out_and_an_observer_is_not_seen => joining::a_host_leads,
    ten_who_join_at_once_all_meet => crowd::ten_at_once,
    who_comes_and_goes_all_the_time_disturbs_nobody => crowd::comings_and_goings,
    a_crowd_that_leaves_at_once_leaves_nothing => crowd::everyone_leaves,

    whoever_speaks_is_heard_by_all_though_slots_are_few => layers::more_people_than_slots,
    who_wants_a_height_gets_the_layer_that_covers_it => layers::layers_follow_the_height,
    a_slot_stays_one_continuous_line_when_it_shows_somebody_else => layers::a_slot_changes_hands,
    vp9_is_seen_at_every_height_and_all_of_it_decodes => codecs::vp9_heights,
    vp9_with_own_layers_is_seen_at_every_height_and_all_of_it_decodes => codecs::vp9_key_heights,
    av1_is_seen_at_every_height_and_all_of_it_decodes => codecs::av1_heights,
    av1_with_own_layers_is_seen_at_every_height_and_all_of_it_decodes => codecs::av1_key_heights,
    h264_is_seen_at_every_height_and_all_of_it_decodes => codecs::h264_heights,
    vp9_over_lossy_lines_moves_and_all_that_comes_decodes => codecs::vp9_losses,
    vp9_with_own_layers_over_lossy_lines_moves_and_all_that_comes_decodes => codecs::vp9_key_losses,
    av1_over_lossy_lines_moves_and_all_that_comes_decodes => codecs::av1_losses,
    av1_with_own_layers_over_lossy_lines_moves_and_all_that_comes_decodes => codecs::av1_key_losses,
    h264_over_lossy_lines_moves_and_all_that_comes_decodes => codecs::h264_losses,
    a_vp9_camera_that_nobody_receives_rests_and_is_back_within_one_second => codecs::vp9_at_rest,
    an_av1_camera_that_nobody_receives_rests_and_is_back_within_one_second => codecs::av1_at_rest,
    one_slot_shows_cameras_of_every_coding_in_turn => codecs::one_slot_for_all,
    who_takes_one_coding_is_shown_no_other => codecs::who_takes_one_coding,

    who_wants_nobody_is_sent_nobody => wishes::nobody_and_somebody,
    a_slot_for_the_speaker_follows_the_talk => wishes::the_talk_goes_round,
    a_wish_for_a_screen_outlives_the_screen => wishes::a_screen_comes_and_goes,

    a_camera_that_nobody_receives_is_off_within_two_seconds_and_seen_within_one => idle::a_camera_for_nobody,
    a_layer_that_nobody_receives_is_off_within_two_seconds_and_back_within_one => idle::layers_for_nobody,
    who_looks_to_and_fro_switches_nobodys_camera_each_time => idle::looking_to_and_fro,
    a_recording_keeps_the_best_layer_on_and_no_other => idle::a_recording_of_the_unseen,
    a_publisher_who_comes_back_hears_what_is_wanted => idle::a_look_that_is_not_heard,
    who_is_dark_keeps_nobodys_camera_on => idle::who_is_dark_wants_nothing,

    a_track_that_is_muted_or_stopped_is_silent_and_comes_back => tracks::mute_camera_and_screen,
    two_screens_at_once_are_seen_by_all => tracks::two_screens,

    a_meeting_survives_five_percent_loss_both_ways => network::a_lossy_network,
    a_meeting_recovers_from_a_line_that_was_too_narrow => network::a_line_that_becomes_narrow,
    ten_percent_loss_and_jitter_leave_speech_and_pictures => network::ten_percent,
    twenty_percent_loss_ends_nothing => network::twenty_percent,
    people_on_another_continent_meet => network::far_away,
    what_comes_twice_or_late_is_taken_once_and_in_order => network::a_stuttering_line,
    one_bad_line_is_nobody_elses => network::one_bad_line,

    a_line_that_narrows_loses_height_and_no_sound_and_gets_it_back => bandwidth::narrow_and_wide,
    ten_percent_lost_on_the_way_down_leave_full_height => bandwidth::ten_percent_down,
    many_faces_on_a_thin_line_are_few_and_somebody_is_heard => bandwidth::many_on_a_thin_line,
    a_screen_comes_before_faces => bandwidth::screen_first,
    a_line_that_flaps_does_not_flap_the_picture => bandwidth::a_flapping_line,

    a_receiver_that_estimates_by_itself_gets_what_it_says => feedback::an_estimate_is_kept_to,
    a_receiver_that_only_reports_is_heard_to_on_a_narrow_line => feedback::reports_are_enough,

    a_talker_whose_line_loses_a_fifth_stays_intelligible => sound::a_talker_loses_a_fifth,
    a_listener_whose_line_loses_a_fifth_hears_intelligibly => sound::a_listener_loses_a_fifth,
    who_takes_plain_sound_hears_what_was_recovered => sound::plain_listeners,
    silence_is_not_sent_and_is_no_loss => sound::silence_is_not_sent,

    an_encoder_and_a_player_come_by_posted_offers => doors::an_encoder_and_a_player,
    a_player_sees_and_hears_a_meeting => doors::a_meeting_with_a_player,
    an_encoder_that_was_dark_is_seen_again => doors::an_encoder_that_vanishes,
    who_has_tcp_only_meets_like_anybody => doors::tcp_only,
    tcp_over_lossy_lines_loses_nothing => doors::tcp_over_lossy_lines,

    the_loudest_five_of_ten_are_heard => many::the_loudest_five,
    the_last_three_who_spoke_are_seen => many::the_last_three,
    a_storm_of_joins_disturbs_nobody => many::a_storm_of_joins,
    a_muted_room_costs_timers_and_nothing_else => many::a_muted_room,

    a_flood_of_picture_losses_costs_others_nothing => floods::of_picture_losses,
    a_flood_of_requests_for_packets_costs_others_nothing => floods::of_missing_packets,
    a_flood_of_arrivals_costs_others_nothing => floods::of_arrivals,
    a_flood_of_estimates_costs_others_nothing => floods::of_estimates,
    a_flood_of_other_rtcp_costs_others_nothing => floods::of_reports,
    a_flood_of_messages_costs_others_nothing => floods::of_messages,
    a_flood_of_offers_costs_others_nothing => floods::of_offers,
    a_flood_of_forgeries_costs_others_nothing => floods::of_forgeries,
    a_flood_of_media_costs_others_nothing => floods::of_media,

    two_dark_seconds_heal_by_themselves => darkness::two_seconds,
    ten_dark_seconds_end_with_everybody_back => darkness::ten_seconds,
    thirty_dark_seconds_cost_no_place => darkness::thirty_seconds,
    who_cannot_send_still_sees_and_is_seen_again => darkness::upwards,
    who_cannot_receive_is_still_seen_and_sees_again => darkness::downwards,
    media_comes_back_though_signalling_never_left => darkness::media_alone,
    a_dark_node_brings_everyone_back => darkness::everyone,
    who_comes_while_another_is_dark_is_met_later => darkness::a_newcomer,

    a_new_port_at_the_nat_costs_no_call => moving::a_nat_forgets,
    an_observer_behind_a_new_port_goes_on_watching => moving::an_observer_is_moved,
    who_goes_to_another_network_takes_the_call_along => moving::another_network,
    who_goes_to_another_network_is_missed_for_less_than_a_second => moving::without_a_gap,
    who_shares_a_screen_takes_it_along => moving::with_a_screen,
    who_walks_to_and_fro_stays_in_the_call => moving::to_and_fro,
    a_page_that_is_loaded_again_is_the_same_person => moving::reloading,

    a_lost_websocket_costs_no_media_and_no_message => joining::a_lost_websocket,
    what_was_said_to_nobody_is_said_again => returning::muted_meanwhile,
    who_was_muted_while_away_is_told => returning::muted_by_a_host_meanwhile,
    everyone_may_lose_their_websocket_at_once => returning::all_at_once,
    a_full_mailbox_still_brings_the_whole_room_back => returning::much_was_missed,

    a_crash_brings_everyone_back_as_they_were => crash::a_crash,
    wishes_outlive_a_crash => crash::wishes,
    a_second_crash_is_no_worse_than_the_first => crash::twice,
    who_was_dark_during_a_crash_comes_back_too => crash::while_somebody_is_dark,
    a_crash_while_people_join_loses_nobody => crash::while_people_join,
    twenty_who_come_back_come_spread => crash::a_spread_return,
    a_node_that_stops_tells_everyone_to_come_back => crash::a_graceful_stop,

    tapes_hold_every_packet_that_the_node_recorded => recording::a_recording,
    a_recorder_that_dies_gets_the_rest_when_it_returns => recording::a_recorder_that_dies_and_returns,
    a_lossy_line_leaves_the_tapes_of_others_whole => recording::a_recording_of_a_lossy_line,
    a_link_that_is_cut_for_a_while_loses_nothing => recording::a_link_that_is_cut,
    a_link_that_parts_is_dialled_again_and_loses_nothing => recording::a_link_that_parts,
    a_recording_goes_on_after_a_crash => recording::a_crash,
    a_node_that_stops_ends_the_recording_whole => recording::a_graceful_stop,
    somebody_dark_is_a_gap_on_their_tape_alone => recording::a_dark_guest,

    a_room_over_two_shards_is_one_and_a_packet_crosses_once => spread::two_shards,
    a_room_over_three_shards_is_one_and_a_packet_crosses_once => spread::three_shards,
    only_layers_that_somebody_receives_there_cross => spread::layers_across,
    a_storm_of_joins_elsewhere_does_not_multiply_keyframes => spread::a_storm_of_joins,
    who_speaks_is_one_over_all_shards => spread::the_talk_goes_round,
    a_recording_has_every_track_of_every_shard => spread::a_recording,
    a_host_mutes_and_sends_out_over_shards => spread::a_host_leads,
    a_room_is_full_over_all_shards => spread::a_full_room,
    who_comes_back_is_where_the_connection_is => spread::a_lost_websocket,
    what_a_full_queue_between_shards_lost_heals => spread::a_shard_that_stood_still,
    shards_that_lost_each_other_begin_anew => spread::a_shard_that_was_given_up,
    a_crash_of_all_shards_brings_everyone_back => spread::a_crash,

    any_trouble_in_any_order_heals => trouble::a_bad_day,
    any_trouble_in_any_order_heals_while_recording => trouble::a_recorded_bad_day,
    any_trouble_in_any_order_heals_over_shards => trouble::a_bad_day_over_shards,
}
