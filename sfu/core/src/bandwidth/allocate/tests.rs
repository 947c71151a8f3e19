//! Tables of who gets what, and what holds for any slots and any budget.

use proptest::prelude::*;

use super::*;

fn layers(kbps: &[u64]) -> [Option<Layer>; MAX_OFFERS] {
    let mut layers = [None; MAX_OFFERS];
    for (place, kbps) in kbps.iter().enumerate() {
        layers[place] = Some(Layer {
            index: place as u8,
            height: 180 << place,
            max_temporal_id: WHOLE,
            bps: Some(kbps * 1_000),
        });
    }
    layers
}

fn camera() -> Asked {
    Asked {
        slot: 0,
        kind: Kind::Video,
        max_height: 720,
        priority: 0,
        is_screen: false,
        is_speaker: false,
        layers: layers(&[150, 500, 1_500]),
        has: Allotted::Nothing,
    }
}

fn screen() -> Asked {
    Asked {
        is_screen: true,
        max_height: 1_080,
        ..camera()
    }
}

fn voice(bps: u64) -> Asked {
    let layer = Layer {
        index: 0,
        height: 0,
        max_temporal_id: WHOLE,
        bps: Some(bps),
    };
    Asked {
        kind: Kind::Audio,
        layers: offered(&[layer]),
        ..camera()
    }
}

const NOTHING: Allotted = Allotted::Nothing;
const PAUSED: Allotted = Allotted::Paused;
const SMALL: Allotted = up_to(0, WHOLE);
const MIDDLE: Allotted = up_to(1, WHOLE);
const LARGE: Allotted = up_to(2, WHOLE);

const fn up_to(index: u8, max_temporal_id: u8) -> Allotted {
    Allotted::Layer {
        index,
        max_temporal_id,
    }
}

fn offered(layers: &[Layer]) -> [Option<Layer>; MAX_OFFERS] {
    let mut offered = [None; MAX_OFFERS];
    for (place, layer) in offered.iter_mut().zip(layers) {
        *place = Some(*layer);
    }
    offered
}

/// Layers in order: index, highest temporal layer, kbit/s.
fn thinned(layers: &[(u8, u8, u64)]) -> [Option<Layer>; MAX_OFFERS] {
    let layers = layers.iter().map(|(index, max_temporal_id, kbps)| Layer {
        index: *index,
        height: 180 << index,
        max_temporal_id: *max_temporal_id,
        bps: Some(kbps * 1_000),
    });
    offered(&layers.collect::<Vec<_>>())
}

fn given(kbps: u64, slots: &[Asked]) -> Vec<Allotted> {
    allocate(kbps * 1_000, slots).slots
}

type Case<'a> = (&'a str, u64, &'a [Asked], &'a [Allotted]);

fn check(cases: &[Case<'_>]) {
    for (name, kbps, slots, expected) in cases {
        assert_eq!(given(*kbps, slots), *expected, "{name}");
    }
}

#[test]
fn everybody_gets_something_before_anybody_gets_more() {
    let two = [camera(), camera()];
    let thumbnail = Asked {
        max_height: 180,
        ..camera()
    };
    let empty = Asked {
        layers: [None; MAX_OFFERS],
        ..camera()
    };
    check(&[
        ("enough", 5_000, &two, &[LARGE, LARGE]),
        ("everybody before more", 600, &two, &[SMALL, SMALL]),
        ("the first gets more first", 1_000, &two, &[MIDDLE, SMALL]),
        ("who comes first", 200, &two, &[SMALL, PAUSED]),
        ("no more than is shown", 5_000, &[thumbnail], &[SMALL]),
        ("nobody", 5_000, &[empty], &[NOTHING]),
        ("nothing fits", 100, &[camera()], &[PAUSED]),
    ]);
}

#[test]
fn sound_then_screen_then_speaker_then_priority_then_place() {
    let speaker = Asked {
        is_speaker: true,
        ..camera()
    };
    let pinned = Asked {
        priority: 9,
        ..camera()
    };
    let all = [pinned, speaker, screen()];
    let cameras = [camera(), speaker, pinned];
    let with = |voice| [camera(), voice];
    check(&[
        ("screen first", 200, &all, &[PAUSED, PAUSED, SMALL]),
        ("speaker next", 400, &all, &[PAUSED, SMALL, SMALL]),
        ("then priority", 400, &cameras, &[PAUSED, SMALL, SMALL]),
        ("and so for more", 1_100, &cameras, &[SMALL, MIDDLE, SMALL]),
        ("sound", 230, &with(voice(40_000)), &[PAUSED, SMALL]),
        ("always", 10, &[voice(40_000), voice(0)], &[SMALL, SMALL]),
        ("much of it", 460, &with(voice(300_000)), &[PAUSED, SMALL]),
    ]);
}

#[test]
fn pictures_come_less_often_before_they_cease() {
    let camera = Asked {
        layers: thinned(&[(0, 0, 60), (0, 1, 90), (0, WHOLE, 150), (1, WHOLE, 500)]),
        ..camera()
    };
    let (thinnest, thin) = (up_to(0, 0), up_to(0, 1));
    check(&[
        ("all of it", 600, &[camera], &[MIDDLE]),
        ("small and whole before thin", 300, &[camera], &[SMALL]),
        ("half the pictures", 120, &[camera], &[thin]),
        ("a quarter", 75, &[camera], &[thinnest]),
        ("not even that", 60, &[camera], &[PAUSED]),
        ("both thin", 150, &[camera, camera], &[thinnest, thinnest]),
        ("the first first", 180, &[camera, camera], &[thin, thinnest]),
        (
            "everybody whole before more",
            500,
            &[camera, camera],
            &[SMALL, SMALL],
        ),
    ]);
}

#[test]
fn what_is_shared_is_rather_sharp_than_smooth() {
    let screen = Asked {
        layers: thinned(&[(0, 0, 50), (0, WHOLE, 100), (1, 0, 300), (1, WHOLE, 800)]),
        ..screen()
    };
    check(&[
        ("all of it", 1_000, &[screen], &[MIDDLE]),
        ("sharp", 500, &[screen], &[up_to(1, 0)]),
        ("small", 200, &[screen], &[SMALL]),
    ]);
}

#[test]
fn what_is_there_stays_while_it_fits_and_what_is_not_comes_with_some_to_spare() {
    let has = |has| Asked { has, ..camera() };
    for (kbps, had, gets) in [
        (1_500, LARGE, LARGE),
        (1_499, LARGE, MIDDLE),
        (1_600, MIDDLE, MIDDLE),
        (1_705, MIDDLE, LARGE),
        (150, SMALL, SMALL),
        (149, SMALL, PAUSED),
        (170, PAUSED, PAUSED),
        (173, PAUSED, SMALL),
    ] {
        assert_eq!(given(kbps, &[has(had)]), [gets], "{kbps} {had:?}");
    }
}

#[test]
fn one_slot_grows_at_a_time_and_what_is_taken_is_taken_at_once() {
    let has = |has| Asked { has, ..camera() };
    let speaker = Asked {
        is_speaker: true,
        ..has(SMALL)
    };
    let slots = [has(PAUSED), has(LARGE), has(SMALL), has(NOTHING), speaker];
    let mut allotted = [SMALL, MIDDLE, MIDDLE, SMALL, LARGE];
    assert!(one_at_a_time(&slots, &mut allotted), "two wait");
    assert_eq!(allotted, [PAUSED, MIDDLE, SMALL, SMALL, LARGE]);
    let mut allotted = [SMALL, PAUSED, SMALL, NOTHING, SMALL];
    assert!(!one_at_a_time(&slots, &mut allotted), "nobody waits");
    assert_eq!(allotted, [SMALL, PAUSED, SMALL, NOTHING, SMALL]);
}

#[test]
fn what_all_would_take_is_told_to_who_probes() {
    let plan = allocate(0, &[camera(), screen(), voice(0)]);
    assert_eq!(plan.wanted_bps, 1_500_000 + 1_500_000 + VOICE_BPS);
    assert_eq!(plan.slots, [PAUSED, PAUSED, SMALL]);
}

#[test]
fn a_layer_that_nobody_has_measured_is_guessed_by_its_height() {
    let mut asked = camera();
    for layer in asked.layers.iter_mut().flatten() {
        layer.bps = None;
    }
    let takes: Vec<u64> = asked.layers.iter().flatten().map(Layer::bps).collect();
    assert_eq!(takes, [32_400, 129_600, 518_400]);
    assert_eq!(given(500, &[asked]), [MIDDLE]);
}

fn any_allotted() -> impl Strategy<Value = Allotted> {
    prop_oneof![
        Just(NOTHING),
        Just(PAUSED),
        (0..4_u8, prop_oneof![Just(0), Just(1), Just(WHOLE)])
            .prop_map(|(index, max_temporal_id)| up_to(index, max_temporal_id))
    ]
}

prop_compose! {
    fn any_asked()(
        is_voice in prop::bool::weighted(0.2),
        max_height in 0..1_500_u16,
        priority in 0..3_u8,
        is_screen in prop::bool::weighted(0.2),
        is_speaker in prop::bool::weighted(0.2),
        kbps in prop::collection::vec(20..3_000_u64, 0..=4),
        thins in 0..3_usize,
        has in any_allotted(),
    ) -> Asked {
        let mut kbps = kbps;
        kbps.sort_unstable();
        if is_voice {
            kbps.truncate(1);
        }
        let thin = |(index, kbps): (usize, &u64)| {
            let thins = if is_screen || index == 0 { thins } else { 0 };
            let forms = [(0, kbps / 3), (1, kbps / 2), (WHOLE, *kbps)];
            let forms = forms.into_iter().skip(FORMS - 1 - thins);
            forms.map(move |(temporal, kbps)| (index as u8, temporal, kbps)).collect::<Vec<_>>()
        };
        let layers = match is_voice {
            true => layers(&kbps),
            false => thinned(&kbps.iter().enumerate().flat_map(thin).collect::<Vec<_>>()),
        };
        Asked {
            slot: 0,
            kind: if is_voice { Kind::Audio } else { Kind::Video },
            max_height,
            priority,
            is_screen,
            is_speaker,
            layers,
            has,
        }
    }
}

/// Who is served in order, then how whole, then how well: what a larger budget never makes smaller.
fn served(slots: &[Asked], plan: &Plan) -> [Vec<usize>; 3] {
    let place = |at: &usize| {
        let mut offered = slots[*at].layers.iter().flatten();
        let place = offered.position(|layer| layer.allotted() == plan.slots[*at]);
        place.map_or(0, |place| place + 1)
    };
    let order = order(slots);
    let places: Vec<usize> = order.iter().map(place).collect();
    let smallest = order.iter().map(|at| slots[*at].smallest().len());
    let whole = smallest.zip(&places).map(|(most, place)| most.min(*place));
    [
        places.iter().map(|place| *place.min(&1)).collect(),
        whole.collect(),
        places,
    ]
}

proptest! {
    #[test]
    fn a_plan_never_takes_more_than_the_budget_but_for_sound(
        slots in prop::collection::vec(any_asked(), 0..12),
        kbps in 0..20_000_u64,
    ) {
        let plan = allocate(kbps * 1_000, &slots);
        let video = slots.iter().zip(&plan.slots).filter(|(asked, _)| asked.kind == Kind::Video);
        let takes: u64 = video
            .filter_map(|(asked, allotted)| {
                let layers = asked.layers.iter().flatten();
                let mut layers = layers.filter(|layer| *allotted == layer.allotted());
                layers.next().map(Layer::bps)
            })
            .sum();
        let sound = sound_bps(&slots);
        prop_assert_eq!(plan.bps, takes + sound);
        prop_assert!(plan.bps <= sound.max(kbps * 1_000));
        prop_assert!(plan.bps <= plan.wanted_bps.max(sound));
        prop_assert_eq!(allocate(kbps * 1_000, &slots), plan, "the same again");
    }

    #[test]
    fn sound_is_never_paused_and_video_only_where_something_is_offered(
        slots in prop::collection::vec(any_asked(), 0..12),
        kbps in 0..5_000_u64,
    ) {
        let plan = allocate(kbps * 1_000, &slots);
        for (asked, allotted) in slots.iter().zip(&plan.slots) {
            match (asked.layers[0], asked.kind) {
                (None, _) => prop_assert_eq!(*allotted, NOTHING),
                (Some(_), Kind::Audio) => prop_assert_eq!(*allotted, SMALL),
                (Some(_), Kind::Video) => prop_assert_ne!(*allotted, NOTHING),
            }
        }
    }

    #[test]
    fn more_budget_serves_nobody_worse_in_order(
        slots in prop::collection::vec(any_asked(), 0..8),
        kbps in 0..8_000_u64,
        more in 1..3_000_u64,
    ) {
        let slots: Vec<Asked> = slots.into_iter().map(|asked| Asked { has: NOTHING, ..asked }).collect();
        let less = allocate(kbps * 1_000, &slots);
        let more = allocate((kbps + more) * 1_000, &slots);
        prop_assert!(served(&slots, &less) <= served(&slots, &more));
    }

    /// Whoever is paused would not fit even in place of everybody after it.
    #[test]
    fn nobody_waits_for_somebody_who_comes_later(
        slots in prop::collection::vec(any_asked(), 0..8),
        kbps in 0..4_000_u64,
    ) {
        let plan = allocate(kbps * 1_000, &slots);
        let order = order(&slots);
        for (rank, at) in order.iter().enumerate() {
            if plan.slots[*at] != PAUSED {
                continue;
            }
            let before = order[..rank].iter().filter(|at| plan.slots[**at] != PAUSED);
            let smallest = |at: &usize| slots[*at].layers[0].map_or(0, |layer| layer.bps());
            let taken: u64 = before.map(smallest).sum();
            let left = (kbps * 1_000).saturating_sub(sound_bps(&slots) + taken);
            prop_assert!(with_some_to_spare(smallest(at)) > left);
        }
    }

    /// With the budget that it was made for, a plan that is carried out is the next plan.
    #[test]
    fn a_plan_that_is_carried_out_stays(
        slots in prop::collection::vec(any_asked(), 0..8),
        kbps in 0..8_000_u64,
    ) {
        let carried_out = |slots: &[Asked], plan: &Plan| -> Vec<Asked> {
            let pairs = slots.iter().zip(&plan.slots);
            pairs.map(|(asked, has)| Asked { has: *has, ..*asked }).collect()
        };
        let mut slots = slots;
        let mut plan = allocate(kbps * 1_000, &slots);
        // What gives way to somebody earlier may let others in, once for each slot.
        for _ in 0..=slots.len() {
            slots = carried_out(&slots, &plan);
            plan = allocate(kbps * 1_000, &slots);
        }
        prop_assert_eq!(&allocate(kbps * 1_000, &carried_out(&slots, &plan)).slots, &plan.slots);
    }
}
