"""The plain word for a literary one: a table for what stories are full of, WordNet's first sense for the rest."""

import math
from functools import cache

from stages.prose.lexicon import Sense, Synset, frequency, inflected, listed, senses, stem, synset

UPOS = {"N": "NOUN", "V": "VERB", "J": "ADJ", "R": "ADV"}  # by the first letter of a Penn tag
USUAL = 5.0  # Zipf frequency from which a word that the table doesn't name is plain enough
CLEARLY = 0.0  # how much more usual a word must be, in the meaning at hand, to take another's place
BROADER = 0.1  # and a broader word
PLAIN_ENOUGH = 3.5  # frequency below which no word of WordNet's takes another's place
CHAIN = 3  # how often a substitute may be replaced in its turn, so that a second pass finds little to do
TWO_WORDS = 4.2  # least frequency asked for below which two words may stand for one: hound, hunting dog
LEVELS = 3  # how many times broader a noun may become
RARE = 5.0  # only a word below this frequency may be replaced by a broader one
TRUSTED = 0.15  # share of its uses, where tagged, that a substitute must have in the meaning at hand

# plain word: the words it replaces, of its class. A target is never a source, so that a second pass changes nothing.
PLAIN = {
    "VERB": """
        act: behave pretend
        admit: acknowledge confess
        allow: permit
        answer: rejoin reply respond retort
        ask: beseech enquire entreat implore inquire interrogate invite question
        ask for: demand request
        appear: seem
        avoid: elude evade shun
        beat: conquer defeat overcome overwhelm subdue vanquish
        beg: plead
        bend: distort warp
        blind: dazzle
        boil: bubble seethe
        bow: stoop
        break: burst shatter
        breathe: gasp pant
        bring back: restore revive
        bring in: introduce
        build: construct erect
        burn: scorch
        buy: purchase
        call: invoke summon
        call up: conjure evoke
        calm: soothe
        carry on: conduct
        carry out: execute
        cause: inflict occasion produce provoke
        change: affect alter modify replace transform transmute vary
        charm: captivate enchant fascinate
        choke: stifle strangle
        claim: allege assert
        close: shut
        collect: gather
        come: arrive
        come before: precede
        come near: approach
        come out: emanate emerge issue
        come to know: learn
        come up: arise
        confuse: baffle bewilder perplex puzzle
        copy: imitate reproduce
        cover: cloak drape engulf envelop overspread shroud swathe veil wrap
        creep: crawl slink
        cross: traverse
        crowd: huddle swarm throng
        cry: groan howl moan sob wail weep whine
        cut: carve dissect divide hew reduce sever
        deal with: handle
        decide: determine resolve
        decorate: adorn
        destroy: annihilate demolish ravage ruin wreck
        die: expire perish
        dig: burrow delve excavate
        dig up: unearth
        disappear: vanish
        do: accomplish commit perform
        dress: array attire clothe
        drink: imbibe quaff
        drop: collapse diminish dwindle plunge topple tumble
        dry up: wither
        eat: consume devour swallow
        end: complete conclude finish terminate
        enjoy: relish
        expect: anticipate
        face: confront
        faint: swoon
        fall apart: crumble
        fear: dread
        feed: nourish
        feel: experience grope suffer
        fight: defy oppose quarrel resist struggle
        fill: infest permeate pervade saturate
        find: detect discover
        find out: ascertain
        fix: remedy repair
        fly: flit soar
        follow: chase ensue haunt pursue trace
        force: compel constrain
        get: acquire derive gain obtain procure receive
        get away: escape
        get back: recover regain
        get ready: prepare
        get to: attain extend reach
        give: afford assign bestow confer contribute deliver devote endow furnish grant hand impart lend offer
        give: supply yield
        give in: succumb
        give off: emit exude
        give out: distribute
        give up: relinquish sacrifice surrender
        go: ride
        go around: circle
        go back: recede retreat return revert
        go back to: resume
        go by: elapse exceed pass surpass transcend
        go down: abate descend sink subside
        go into: enter
        go on: continue proceed
        go through: penetrate pierce undergo
        go up: ascend clamber climb mount scale scramble
        go with: accompany
        grab: seize snatch
        grow: augment cultivate develop heighten increase intensify magnify
        guess: conjecture estimate speculate surmise suspect
        hang: droop suspend
        happen: chance occur transpire
        happen to: befall
        hate: abhor despise detest dislike loathe scorn
        have: possess
        help: aid assist enable relieve
        hide: conceal disguise lurk skulk
        hit: strike knock lash pound smite
        hold: cling clutch contain embrace grasp sustain
        hold back: restrain suppress
        hope for: crave
        hurry: hasten
        hurt: harm injure torment torture
        ignore: disregard neglect
        join: associate attach combine connect unite
        judge: deem
        jump: bound leap spring
        keep: maintain preserve retain
        keep looking at: watch
        keep out: exclude
        kill: murder slaughter slay
        know: realise realize recognise recognize
        last: persist
        lead: guide induce
        leave: abandon depart forsake quit
        leave out: omit
        let go: release
        lie: recline sprawl
        light: illuminate illumine kindle
        like: admire approve
        limit: confine restrict
        live: dwell exist reside
        live in: inhabit
        lock up: imprison
        long: yearn
        look: gape gaze glance glare leer peep peer stare
        look at: contemplate examine scrutinize study
        look for: seek
        look into: investigate
        look like: resemble
        look over: inspect scan survey
        look up: consult
        make: compose create effect fabricate fashion form render shape
        make clear: explain
        make out: distinguish
        make up: invent
        manage: contrive
        mark: stain
        match: correspond
        mean: denote signify
        meet: assemble congregate encounter
        melt: dissolve
        mix: blend mingle
        move: budge drift float inspire shift stir sweep thrill
        move on: advance
        name: appoint denominate designate identify
        need: lack require
        open: unfold unlock
        order: command
        plan: intend
        please: amuse delight gratify satisfy
        point out: specify
        press: squeeze
        pull: drag draw haul tug wrench
        pull back: recoil shrink withdraw
        push: impel propel shove thrust urge
        put: apply deposit lay place
        put down: ascribe attribute
        put in: insert
        put out: extinguish quench
        raise: elevate hoist lift
        read: peruse
        refer: allude
        refuse: decline
        regret: lament repent
        reject: spurn
        remember: recall recollect
        rest upon: repose
        rot: decay moulder
        rule: reign
        run: dart flee flow rush stream
        save: rescue
        say: affirm argue aver declare ejaculate exclaim insist mumble murmur mutter proclaim profess pronounce
        say: remark testify utter whisper
        say again: repeat
        scare: affright alarm appal appall frighten horrify shock terrify
        scream: shriek
        search: explore hunt ransack
        see: glimpse behold descry discern espy notice observe perceive regard visit witness
        send: despatch dispatch transmit
        send away: banish dismiss
        set: adjust
        set apart: isolate separate
        set out: arrange
        set up: establish
        shake: agitate flutter quake quiver rattle shiver shudder totter tremble twitch vibrate
        shine: flash gleam glimmer glisten glitter glow shimmer sparkle twinkle
        shout: bellow roar yell
        show: betray confirm demonstrate depict disclose display evince exhibit expose indicate manifest portray
        show: represent reveal uncover unveil
        sit: perch seat squat
        sleep: doze slumber
        slide: glide slip
        smell: sniff
        smile: grin
        spin: reel whirl
        spread: diffuse disperse expand scatter strew
        stand: loom
        start: begin commence embark originate
        stay: abide linger remain sojourn tarry
        stick out: protrude
        stir up: excite
        stop: arrest cease halt hinder interrupt pause prevent
        stretch: prolong
        suggest: hint imply intimate propose
        support: corroborate
        surprise: amaze astonish astound startle
        surround: encircle enclose
        swear: pledge vow
        take: accept carry convey pick select transport
        take away: remove
        take in: absorb
        take off: detach
        take on: assume
        take up: adopt
        talk: babble chat converse discourse gibber rave speak
        talk about: discuss mention
        talk to: address
        teach: educate instruct
        tell: acquaint advise apprise confide inform narrate recount relate warn
        tell of: describe
        think: believe brood conceive consider fancy meditate muse presume reflect suppose
        think about: ponder
        think of: imagine picture
        throw: cast fling hurl toss
        throw out: eject
        tie: bind fasten
        trick: deceive
        trip: stumble
        trouble: afflict distress disturb harass perturb vex
        try: attempt endeavor endeavour strive
        turn: coil revolve roll rotate twist writhe
        turn away: avert
        understand: comprehend
        use: employ exert utilise utilize
        use up: exhaust
        wait: loiter
        wait for: await
        wake: arouse awaken rouse
        walk: plod ramble roam stagger stalk stride stroll tread trudge wander
        want: desire wish
        wash: bathe
        win: prevail triumph
        wonder: marvel
        work: labor labour operate toil
        work out: calculate solve
        write: inscribe scrawl scribble
        write down: record
    """,
    "NOUN": """
        account: description
        act: action deed exploit feat
        age: aeon antiquity eon epoch era
        air: atmosphere
        amount: quantity sum
        anger: fury ire rage wrath
        animal: beast brute creature
        answer: explanation reply response retort solution
        area: district locality neighborhood neighbourhood region vicinity
        baby: babe infant
        back: background rear
        bad dream: nightmare
        base: foundation
        bed: couch
        block: slab
        blow: stroke
        body: cadaver carcass corpse
        book: diary tome volume
        bottle: flagon
        box: casket coffer
        branch: bough
        building: edifice structure
        bush: shrub thicket
        call: summons
        care: caution
        cave: cavern grotto
        chance: coincidence opportunity possibility
        change: alteration transformation
        child: youngster
        church yard: churchyard
        climb: ascent
        cloth: fabric
        clothes: apparel attire garb garment raiment
        coast: shore
        coat: greatcoat overcoat
        cold: chill
        color: hue tint
        comment: reference remark
        condition: circumstance
        corner: angle nook
        country: countryside nation
        crack: cleft crevice fissure rift
        crew: gang
        cry: groan howl moan shriek wail
        cup: chalice goblet
        dark: blackness darkness gloom
        day: daylight
        deal: bargain
        death: decease demise
        deep: depth
        devil: daemon demon fiend
        dirt: mire mud ooze slime
        disaster: calamity catastrophe tragedy
        disease: affliction ailment illness malady plague
        doctor: physician
        door: doorway portal
        doubt: hesitation misgiving suspicion uncertainty
        dream: illusion reverie
        dress: gown robe
        dry land: desert
        edge: brim brink margin rim verge
        end: cessation conclusion destiny doom fate termination
        enemy: adversary foe
        event: episode incident occurrence phenomenon
        evil: iniquity vice wickedness
        example: instance
        face: countenance visage
        fact: detail
        fall: collapse
        family: kin kindred lineage
        farm: estate
        fear: alarm apprehension awe consternation dread fright horror panic terror trepidation
        feeling: emotion instinct mood passion sensation sentiment temper
        field: meadow pasture
        fight: battle combat conflict dispute quarrel strife struggle
        fire: blaze conflagration flame
        fit: attack
        flight of stairs: staircase stairway
        flower: blossom
        fog: haze mist vapor vapour
        food: nourishment sustenance victual
        force: intensity violence
        form: contour figure outline shape silhouette
        free time: leisure
        freedom: liberty
        friend: acquaintance associate colleague companion comrade
        gap: chasm gulf
        ghost: apparition phantom specter spectre wraith
        gift: boon
        girl: damsel lass maiden
        goal: ambition purpose
        god: deity divinity
        grave: catacomb crypt sepulcher sepulchre tomb
        grief: despair melancholy sorrow woe
        ground: floor soil turf
        group: band crowd multitude throng
        guess: conjecture hypothesis speculation surmise
        guest: visitor
        hallway: corridor passageway
        hate: abhorrence antipathy aversion detestation hatred loathing
        head: cranium forehead
        heart: bosom courage essence
        heat: warmth
        help: aid assistance
        hill: hillside knoll mound
        hole: abyss aperture cavity hollow orifice pit
        home: abode den domicile dwelling habitation residence
        hope: expectation
        house: cottage castle château hovel hut mansion palace villa
        hurry: haste
        idea: concept conception consideration contemplation impression meditation notion reflection suggestion
        idea: theory thought
        interest: fascination
        island: isle
        job: duty occupation profession task vocation
        joke: jest
        joy: bliss delight ecstasy happiness mirth pleasure satisfaction
        killing: murder
        kind: nature species variety
        king: monarch sovereign
        knife: dagger
        knowledge: erudition lore wisdom
        land: continent kingdom realm tract
        laugh: laughter
        leader: guide
        letter: epistle missive
        level: degree
        life: existence
        light: beam candle flash glare gleam glimmer glow illumination lamp lantern luminescence luminosity
        light: phosphorescence radiance ray
        limit: boundary
        line: row thread
        liquid: fluid
        look: appearance aspect expression gaze glance glimpse stare
        love: affection
        luck: fortune lot
        machine: apparatus contrivance engine
        madness: delirium frenzy insanity lunacy mania
        man: chap fellow gentleman mortal
        matter: affair subject theme topic
        meal: dinner repast supper
        memory: recollection remembrance reminiscence
        mess: chaos confusion disorder
        metal: iron
        midday: noon
        middle: centre midst
        mind: brain consciousness genius imagination intellect
        mistake: blunder error
        moment: instant
        money: wealth
        move: gesture motion movement
        name: identity
        neck: throat
        need: necessity
        news: gossip tidings
        nightfall: twilight
        old thing: relic
        nightfall: dusk
        opening: entrance
        order: arrangement command
        pain: agony anguish pang suffering torment torture
        paper: document manuscript newspaper parchment
        part: element portion proportion
        past: history
        people: folk humanity mankind populace tribe
        person: individual personage
        picture: image painting portrait
        piece: article fragment
        place: location site situation spot
        plan: intention scheme
        plant: weed
        plant life: vegetation
        post: column pillar
        power: authority influence might
        prison: dungeon gaol jail
        problem: difficulty trouble
        quality: attribute characteristic peculiarity trait
        question: inquiry query request
        quiet: hush silence stillness
        reason: logic motive sanity
        relative: kinsman
        respect: honor honour
        rest: repose
        result: consequence effect outcome
        revenge: vengeance
        rise: elevation
        risk: danger hazard peril
        road: alley highway street thoroughfare
        rock: boulder crag stone
        room: apartment chamber hall
        rope: cord
        rot: decay
        round: circle circuit
        rule: principle
        sailor: mariner seaman
        sea: ocean
        search: exploration quest
        seat: chair
        secret: enigma mystery riddle
        sense: meaning significance
        series: succession
        set: collection
        shade: shadow
        shame: embarrassment
        ship: vessel
        side: slope
        sign: hint notice signal trace
        size: bulk diameter dimension extent magnitude
        sky: firmament heaven heavens
        sleep: slumber
        smell: aroma fetor fragrance odor odour scent stench stink
        smoke: fume
        snake: serpent
        song: chant
        sound: clamor clamour din echo noise tumult uproar
        source: origin
        space: expanse void
        speed: rapidity velocity
        spirit: psyche soul
        stage: phase
        state: plight
        step: footstep pace stair
        stop: pause
        storm: gale tempest
        story: anecdote fable legend narrative rumor rumour tale
        stream: brook creek rivulet
        strength: vigor vigour
        student: scholar
        study: analysis examination investigation
        stuff: substance
        surprise: amazement astonishment shock
        talk: conversation dialogue discourse speech
        teacher: tutor
        test: experiment ordeal trial
        thief: burglar robber
        thing: entity item object
        thinking: philosophy
        threat: menace
        tie: connection link
        time: interval occasion
        tool: implement instrument
        top: apex crest peak pinnacle summit surface
        top floor: attic
        touch: contact
        tower: spire steeple turret
        town: borough hamlet village
        trip: excursion expedition journey visit voyage
        trust: confidence
        truth: reality
        try: attempt effort endeavor endeavour exertion
        valley: glen gorge ravine vale
        value: importance merit
        view: belief conviction landscape observation opinion panorama prospect scene scenery sight spectacle vision
        view: vista
        voice: tone
        wall: masonry
        wave: billow
        way: behavior behaviour channel conduct custom direction fashion habit manner method mode passage path
        way: pathway progress route tradition trail
        way down: descent
        weight: burden
        wind: breeze gust
        window: casement
        wish: craving desire impulse longing yearning
        woman: dame lady
        wood: forest grove
        word: advice promise
        work: exercise labor labour toil
        world: civilization cosmos planet universe
        worry: agitation anxiety
        writer: poet
        yard: courtyard
        youth: childhood
    """,
    "ADJ": """
        afraid: frightened terrified
        air: aerial
        angry: enraged furious irate wrathful
        aware: conscious
        bad: abominable atrocious awful dire disagreeable dreadful foul hateful horrible horrid shocking terrible
        bad: unpleasant vile
        beautiful: exquisite gorgeous lovely picturesque
        better: superior
        big: bulky massive
        brave: bold courageous intrepid valiant
        bright: brilliant luminous lurid radiant resplendent vivid
        broken: shattered
        calm: placid serene tranquil
        careful: cautious prudent wary
        city: urban
        clear: apparent discernible distinct evident manifest obvious palpable perceptible tangible visible
        cold: chill chilly frigid icy
        common: frequent
        complete: absolute sheer utter
        constant: continual incessant perpetual
        country: rural rustic
        crazy: crazed demented insane mad
        dangerous: perilous
        dark: dim dusky gloomy murky shadowy somber sombre
        dead: deceased lifeless
        deadly: fatal lethal
        deep: profound
        different: diverse
        dirty: dusty filthy muddy sordid squalid unclean
        disgusting: detestable loathsome nauseous noisome noxious repellent repulsive revolting
        drunk: intoxicated
        east: eastern
        empty: deserted desolate vacant
        evil: accursed baleful demoniac demoniacal diabolic diabolical fiendish hellish infernal insidious
        evil: malevolent malign malignant sinister unholy wicked
        fair: reasonable
        false: artificial spurious
        famous: celebrated illustrious renowned
        far: distant remote
        fast: rapid speedy swift
        fat: corpulent plump portly stout
        fine: delicate
        first: initial
        gold: golden
        good: excellent moral satisfactory
        great: excessive extreme fabulous glorious incredible magnificent majestic marvellous marvelous noble
        great: splendid stately superb wonderful wondrous
        happy: cheerful glad joyful joyous merry
        hard: arduous solid
        heavy: ponderous weighty
        hidden: clandestine covert furtive secret
        high: elevated lofty shrill towering
        holy: divine hallowed sacred
        home: domestic
        hot: feverish fiery
        huge: boundless colossal cyclopean enormous gigantic immense infinite limitless monstrous prodigious
        huge: stupendous titanic tremendous vast
        important: significant vital
        inside: inner interior internal
        kind: merciful
        known: familiar
        large: ample considerable extensive spacious
        last: ultimate
        later: subsequent
        lazy: idle
        likely: probable
        local: native
        lonely: solitary
        long: endless interminable lengthy prolonged
        loud: deafening
        loved: beloved
        loyal: faithful
        main: chief principal
        many: countless innumerable numerous
        naked: nude
        near: adjacent nearby
        needed: necessary
        new: fresh
        next: ensuing
        nice: agreeable charming delightful pleasant
        night: nocturnal
        normal: customary habitual ordinary usual
        north: northern
        old: aged ancient antique archaic elderly hoary immemorial primeval primordial venerable
        older: elder
        only: sole
        other: opposite
        outside: exterior external outer
        pale: pallid wan
        physical: bodily corporeal
        poor: unfortunate
        quiet: noiseless silent soundless stealthy
        real: actual genuine veritable
        red: crimson ruddy scarlet
        rich: wealthy
        right: appropriate exact fitting precise proper suitable
        rotten: decayed putrid
        rough: rugged violent
        round: circular
        sad: dismal melancholy mournful sorrowful
        same: selfsame
        scary: fearful frightful ghastly menacing ominous terrifying
        sea: marine nautical
        serious: earnest grave solemn
        sharp: acute keen
        short: brief fleeting momentary
        sick: ill morbid
        silly: absurd ludicrous preposterous ridiculous
        small: diminutive miniature minor slight tiny
        smart: clever cunning ingenious sagacious wise
        soft: gentle
        south: southern
        steep: precipitous
        stiff: rigid
        still: motionless
        strange: bizarre cryptic curious eerie fantastic grotesque inexplicable mysterious odd queer unaccountable
        strange: uncanny weird
        strong: intense mighty potent powerful robust
        stupid: foolish idiotic
        sudden: abrupt
        sure: positive
        thick: dense
        thin: gaunt lean slender
        tired: exhausted fatigued weary
        top: upper uppermost
        ugly: hideous misshapen unsightly
        underground: subterranean subterrene
        unknown: nameless
        unsure: uncertain
        unusual: abnormal anomalous exceptional extraordinary peculiar rare remarkable singular
        useless: futile
        vague: hazy indefinite nebulous obscure
        weak: faint feeble frail
        west: western
        wet: damp dank moist
        whole: entire intact
        wide: broad
        wild: frantic frenzied savage
        worried: anxious apprehensive nervous uneasy
    """,
    "ADV": """
        a little: slightly somewhat
        above: overhead
        again: afresh anew
        almost: nearly well-nigh
        also: furthermore likewise moreover
        always: continually forever incessantly perpetually
        at once: forthwith immediately instantly
        away: afar
        back: backward backwards
        clearly: distinctly evidently plainly
        completely: altogether entirely totally utterly wholly
        down: downward downwards
        earlier: previously
        easily: readily
        east: eastward
        everywhere: far-and-wide
        exactly: precisely
        finally: eventually ultimately
        first: firstly
        further: farther
        hardly: scarce scarcely
        in: inward inwards
        later: afterward afterwards subsequently
        maybe: mayhap perchance possibly
        mostly: chiefly generally mainly principally
        near: nigh
        north: northward
        often: frequently oft oftentimes
        on: onward onwards
        once: formerly
        only: merely solely
        out: forth outward outwards
        out loud: aloud
        quickly: rapidly speedily swiftly
        rarely: seldom
        recently: lately latterly
        so: hence therefore thus
        sometimes: occasionally
        somewhere else: elsewhere
        soon: presently shortly
        south: southward
        still: nevertheless nonetheless
        then: meanwhile
        two times: twice
        up: aloft upward upwards
        west: westward
    """,
}

# First senses that mislead, or that hold of a use that prose has least. They stay as they are.
KEPT = {
    "NOUN": listed(
        "water moon sun foot inch evening yard none thanks means instance minute quarter chair mouth throat neck "
        "nose ear arm leg knee chest tooth bone copy mathematics confinement ladder watch wound second noon "
        "sunset sundown sunrise midnight dawn daybreak dusk twilight dust boat weed candle fathom chain oriel "
        "spindrift setup mill carriage tallow stove rag oar oars dresser bar spark solitude league "
        "knot kale pea anchor tumbler gripe better trough clock pendulum barometer pencil pen pane "
        "strand oats tank colza cousin housewife speck heap wit spoke objection chisel cab rudder shell "
        "calf bead stool jelly kirk painter deacon swearing mote certificate exertion measure sharpness "
        "breadth astronomy copper mercury scarecrow bridegroom drain grocery coals lip jaw "
        "monster stranger gallery roof height gate flesh limb altar iron skull oak treasure wine "
        "coffin telescope railway accident curse century generation absence newcomer arrival rowing "
        "successor seaward wake range emigrant sweep trouser headache sack blade blades "
        "philosopher slice jewel pear grating romance mangle swallow winter season virtue "
        "ferrule spring springs library afternoon ram lintel threshold druggist mate statue material "
        "machinery globe prey board band date firm marine peasant lack thunder whisper "
        "crude fraction cud receiver manifestation mustiness whine sake crystal "
        "curb herbage alligator lens radius livestock saint pa leap posse "
        "ugliness lodger complexion drift trader attraction coach inclination whim landslide "
        "exhaustion cradle bowels sequence asset counsel wretch caricature extract salon waste aqua console "
        "bribe skunk monstrosity design "
        "gutter flutter stripe frost mast drover mineral lodging "
        "verse porridge temptation railing distrust assurance blot splinter thumb perplexity "
        "hearth nursery cement eyesight bitterness pennant tap coop nightshirt "
        "governor stealth widow consulate timepiece "
        "byre regard belfry schoolroom brig barque plateau ridge"
    ),
    "VERB": listed(
        "be have do can must may shall will let use dare ought think wear find found memorize watch view wind "
        "wound bury bear endure tear strain sail learn fall seem appear rise crack fracture crush lock choose "
        "catch spark thread lean launch jam prop promote gripe complain drown deprive moor shore back handle "
        "steer signal certify fathom tap wake conn spy snarl pitch symbolize cringe glean squirm camp curve "
        "cherish grapple surmount blame mystify sway obscure glut bespeak entomb tend incline assure motion "
        "shave steel couple fulfill cite tick polish weary"
    ),
    "ADJ": listed(
        "gay fair fine near vain fancy colored coloured native early full dear equal tall narrow impossible "
        "plain swollen idle costly vagrant tireless marine eccentric needful immediate prime "
        "contrary objective firm unbelievable rudimentary unnameable "
        "transverse confidential winged fond diligent preferable stray "
        "psychological widespread haggard timeworn husky skittish terrific strict"
    ),
    "ADV": listed("easily properly fully directly highly surely truly absolutely perfectly clearly"),
}
# Broader words that say next to nothing, or something else, for what they would stand for.
TOUCHED = frozenset(f"noun.{field}" for field in sorted(listed("animal artifact food object person plant substance")))
EMPTY = listed(
    "entity thing object whole unit artifact artefact structure construction part piece being organism person "
    "individual attribute property quality abstraction relation state condition status action activity act event "
    "happening process group collection change travel move go be have make get do communicate vertebrate mammal "
    "equipment device instrumentality instrument container covering way adult male female worker unfortunate "
    "creator statement message content speech sound extent level stage point amount measure quantity time period "
    "cut parts region material matter substance product organ body feature member division section form compound "
    "mixture natural medium space location expert professional relative lands things units groups creation facility "
    "consumer recipient instrumentation thinker unskilled actor communicator traveler traveller contestant "
    "organisation organization plane line"
)
# Usual words that WordNet has for a meaning that nobody thinks of first, or that one doesn't say.
WRONG = listed(
    "con gas fuck screw flip billy dough tough simple august hand even hot cold hit blow pass note point kill fell "
    "despite dealer recreation doughs kick high mean sack bear down sound right well still like okay ok cop drop "
    "brush out-and-out out due given suit swimming walking trees works spinning plastic external large opposite "
    "fairness nationals tunic twins fish liked gear gears congregation congregations going combat imagination jolly "
    "dead super passing course whole all min in as pretty short needs industry clean gentle existence project run "
    "run-in stand standing leave take get set go play"
)


@cache
def _table() -> dict[tuple[str, str], str]:
    """The plain word for (class, lemma)."""
    found: dict[tuple[str, str], str] = {}
    for upos, groups in PLAIN.items():
        for line in groups.split("\n"):
            target, _, sources = line.strip().partition(": ")
            found |= {(upos, source): target for source in sources.split()}
    return found


@cache
def _targets() -> frozenset[tuple[str, str]]:
    """What the table leads to; it stays as it is."""
    return frozenset((upos, target) for (upos, _), target in _table().items())


def is_plain(word: str, tag: str) -> bool:
    """Whether the table gives `word` for others."""
    return (UPOS.get(tag[:1], ""), word) in _targets()


@cache
def plainer(word: str, tag: str) -> str | None:
    """The plainer word for `word` in the form that the Penn `tag` asks for, in lower case; None if there is none."""
    upos = UPOS.get(tag[:1])
    word = word.lower()
    if upos is None or tag in ("RP", "NNP", "NNPS"):
        return None
    root = stem(word, tag)
    found = _table().get((upos, root))
    verbal = upos == "ADJ" and word.endswith(("ing", "ed"))  # WordNet's "prying" isn't that of "they were prying"
    if (
        found is None
        and not verbal
        and upos != "ADV"
        and frequency(word) < USUAL
        and root not in KEPT[upos]
        and (upos, root) not in _targets()
    ):
        for _ in range(CHAIN):
            better = _table().get((upos, found or root)) or _of_wordnet(found or root, upos, frequency(found or word))
            if better is None or better == root:
                break
            found = better
    form = _form(found, tag) if found else None
    return form if form != word else None


@cache
def _of_wordnet(root: str, upos: str, usual: float) -> str | None:
    """The most usual word for the first sense of `root`, or for what is just broader, if clearly more so."""
    meanings = senses(root, upos)
    if not meanings or (len(meanings) > 1 and not meanings[0].count):
        return None
    own = synset(upos, meanings[0].offset)
    best = _best(own, root, usual + CLEARLY)
    if best is None and usual < RARE and upos in ("NOUN", "ADJ"):
        broader: Synset | None = own
        for _ in range(LEVELS if own.field in TOUCHED else 1):
            broader = synset(upos, broader.hypernyms[0]) if broader and broader.hypernyms else None
            if best is None and broader and broader.field == own.field:
                best = _best(broader, root, usual + BROADER, two=False)  # what two words add is no more than a guess
    return best


def _best(of: Synset, root: str, least: float, two: bool = True) -> str | None:
    """The word of a synset, or also two words if `two`, most usual in its meaning, from the frequency `least` on."""
    found = []
    for name in of.words:
        word = name.replace("_", " ")
        if word != root and _serves(word, of.field if two and least < TWO_WORDS else ""):
            held = _share(senses(word, of.upos), of.offset)
            usual = min(frequency(part) for part in word.split())
            found.append((usual + math.log10(held) if held >= TRUSTED else 0.0, word))
    score, word = max(found, default=(0.0, ""))
    return word if score >= max(least, PLAIN_ENOUGH) else None


def _serves(word: str, field: str) -> bool:
    """Whether a word may stand for another; two words only for what can be touched or is someone."""
    parts = word.split()
    plain = all(part.isalpha() and part.islower() for part in parts) and parts[-1] not in EMPTY and word not in WRONG
    return plain and (len(parts) == 1 or (len(parts) == 2 and field in TOUCHED))


def _share(meanings: tuple[Sense, ...], offset: int) -> float:
    """How much of the use of a word falls to one of its meanings; half a use is added to each, as many have none."""
    total = sum(sense.count + 0.5 for sense in meanings)
    return sum(sense.count + 0.5 for sense in meanings if sense.offset == offset) / total if total else 0.0


@cache
def _form(root: str, tag: str) -> str | None:
    """`root` inflected as the tag says: a verb's first word, any other's last one."""
    if tag in ("JJ", "RB", "NN", "VB", "VBP"):
        return root
    first, _, rest = root.partition(" ")
    if tag[0] == "V":
        form = inflected(first, tag)
        return f"{form} {rest}".strip() if form else None
    return " ".join([*root.split()[:-1], form]) if (form := inflected(root.split()[-1], tag)) else None
