//! The traces of RFC 8448 §3, "Simple 1-RTT Handshake", and §5, "HelloRetryRequest": secrets, keys and records, byte
//! for byte.
//!
//! The hellos of the traces are not ours, so they are put into the transcript in the place of ours; the rest runs
//! through [`Connection`] as it would from a socket.

use crate::config::Config;
use crate::connection::Connection;
use crate::group::KeyShare;
use crate::handshake::Handshake;
use crate::hash::{HashKind, Transcript, hkdf_expand_label};
use crate::testing::{hex, unhex};
use crate::tls13::{Schedule, finished};
use crate::{Group, State, Suite, SystemRng, TlsError, Version};

const PRIVATE_KEY: &str = "49af42ba7f7994852d713ef2784bcbcaa7911de26adc5642cb634540e7ea5005";
const SHARED: &str = "8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f537563efd46272900f89492d";

const CLIENT_HELLO: &str = "
    010000c00303cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece7000006130113031302010000910000000b
    0009000006736572766572ff01000100000a00140012001d00170018001901000101010201030104002300000033002600240
    01d002099381de560e4bd43d23d8e435a7dbafeb3c06e51c13cae4d5413691e529aaf2c002b0003020304000d0020001e0403050306030
    20308040805080604010501060102010402050206020202002d00020101001c00024001";

const SERVER_HELLO_RECORD: &str = "
    160303005a020000560303a6af06a4121860dc5e6e60249cd34c95930c8ac5cb1434dac155772ed3e2692800130100002e00330024001d
    0020c9828876112095fe66762bdbf7c672e156d6cc253b833df1dd69b1b04e751f0f002b00020304";

const SERVER_FLIGHT_RECORD: &str = "
    17030302a2d1ff334a56f5bff6594a07cc87b580233f500f45e489e7f33af35edf7869fcf40aa40aa2b8ea73f848a7ca07612ef9f945cb
    960b4068905123ea78b111b429ba9191cd05d2a389280f526134aadc7fc78c4b729df828b5ecf7b13bd9aefb0e57f271585b8ea9bb355c
    7c79020716cfb9b1183ef3ab20e37d57a6b9d7477609aee6e122a4cf51427325250c7d0e509289444c9b3a648f1d71035d2ed65b0e3cdd
    0cbae8bf2d0b227812cbb360987255cc744110c453baa4fcd610928d809810e4b7ed1a8fd991f06aa6248204797e36a6a73b70a2559c09
    ead686945ba246ab66e5edd8044b4c6de3fcf2a89441ac66272fd8fb330ef8190579b3684596c960bd596eea520a56a8d650f563aad274
    09960dca63d3e688611ea5e22f4415cf9538d51a200c27034272968a264ed6540c84838d89f72c24461aad6d26f59ecaba9acbbb317b66
    d902f4f292a36ac1b639c637ce343117b659622245317b49eeda0c6258f100d7d961ffb138647e92ea330faeea6dfa31c7a84dc3bd7e1b
    7a6c7178af36879018e3f252107f243d243dc7339d5684c8b0378bf30244da8c87c843f5e56eb4c5e8280a2b48052cf93b16499a66db7c
    ca71e4599426f7d461e66f99882bd89fc50800becca62d6c74116dbd2972fda1fa80f85df881edbe5a37668936b335583b599186dc5c69
    18a396fa48a181d6b6fa4f9d62d513afbb992f2b992f67f8afe67f76913fa388cb5630c8ca01e0c65d11c66a1e2ac4c85977b7c7a6999b
    bf10dc35ae69f5515614636c0b9b68c19ed2e31c0b3b66763038ebba42f3b38edc0399f3a9f23faa63978c317fc9fa66a73f60f0504de9
    3b5b845e275592c12335ee340bbc4fddd502784016e4b3be7ef04dda49f4b440a30cb5d2af939828fd4ae3794e44f94df5a631ede42c17
    19bfdabf0253fe5175be898e750edc53370d2b";

const CLIENT_FINISHED_RECORD: &str = "
    170303003575ec4dc238cce60b298044a71e219c56cc77b0517fe9b93c7a4bfc44d87f38f80338ac98fc46deb384bd1caeacab6867d726
    c40546";

fn check(bytes: &[u8], expected: &str) {
    assert_eq!(hex(bytes), expected);
}

#[test]
fn key_schedule() {
    let kind = HashKind::Sha256;
    let mut schedule = Schedule::new(kind, &unhex(SHARED));
    let hellos = unhex("860c06edc07858ee8e78f0e7428c58edd6b43f2ca3e6e95f02ed063cf0e1cad8");
    let traffic = schedule.handshake_traffic(&hellos);
    check(&traffic.client, "b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21");
    check(&traffic.server, "b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38");
    check(&hkdf_expand_label(kind, &traffic.server, "key", &[], 16), "3fce516009c21727d0f2e4e86ee403bc");
    check(&hkdf_expand_label(kind, &traffic.server, "iv", &[], 12), "5d313eb2671276ee13000b30");
    check(&hkdf_expand_label(kind, &traffic.client, "key", &[], 16), "dbfaa693d1762c5b666af5d950258d01");
    check(&hkdf_expand_label(kind, &traffic.client, "iv", &[], 12), "5bd3c71b836e0b76bb73265f");
    schedule.advance();
    let to_finished = unhex("9608102a0f1ccc6db6250b7b7e417b1a000eaada3daae4777a7686c9ff83df13");
    check(
        &finished(kind, &traffic.client, &to_finished),
        "a8ec436d677634ae525ac1fcebe11a039ec17694fac6e98527b642f2edd5ce61",
    );
    let traffic = schedule.application_traffic(&to_finished);
    check(&traffic.client, "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5");
    check(&traffic.server, "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643");
    check(&hkdf_expand_label(kind, &traffic.server, "key", &[], 16), "9f02283b6c9c07efc26bb9f2ac92e356");
    check(&hkdf_expand_label(kind, &traffic.client, "iv", &[], 12), "5b78923dee08579033e523d9");
}

/// A connection that has sent the hello of the trace.
fn connection() -> Connection {
    let suites = vec![Suite::from_name("TLS_AES_128_GCM_SHA256").unwrap()];
    let config = Config { suites, versions: vec![Version::Tls13], ..Config::default() }.prepare(false).unwrap();
    let key: [u8; 32] = unhex(PRIVATE_KEY).try_into().unwrap();
    let share = Some(KeyShare::X25519(key.into()));
    let mut handshake = Handshake::start(config, Box::new(SystemRng), false, [0; 32], Vec::new(), share);
    handshake.common.transcript = Transcript::new();
    handshake.common.transcript.add(&unhex(CLIENT_HELLO));
    let mut connection = Connection::with_handshake(handshake).unwrap();
    connection.take_output();
    connection
}

#[test]
fn records_of_the_trace() {
    // Whole, and byte by byte.
    for size in [usize::MAX, 1] {
        let mut connection = connection();
        let records = [unhex(SERVER_HELLO_RECORD), unhex(SERVER_FLIGHT_RECORD)].concat();
        for chunk in records.chunks(size.min(records.len())) {
            connection.receive(chunk).unwrap();
        }
        assert_eq!(*connection.state(), State::Open);
        // The change of cipher for middleboxes is ours; the Finished is the trace's.
        check(&connection.take_output(), &format!("140303000101{}", hex(&unhex(CLIENT_FINISHED_RECORD))));
        assert_eq!(connection.peer().unwrap().chain[0].len(), 0x1b0);
    }
}

#[test]
fn every_changed_byte_is_an_error() {
    let records = [unhex(SERVER_HELLO_RECORD), unhex(SERVER_FLIGHT_RECORD)].concat();
    for idx in 0..records.len() {
        let mut changed = records.clone();
        changed[idx] ^= 1;
        let mut connection = connection();
        let res = connection.receive(&changed);
        // The minor version of a record's header means nothing, and a length may wait for more.
        assert!(!connection.is_open() || matches!(idx, 2 | 97), "{idx}: {res:?}");
        if let Err(error) = res {
            assert_eq!(connection.receive(&records), Err(error.clone()));
            assert_eq!(*connection.state(), State::Failed(error));
        }
    }
    for len in 0..records.len() {
        let mut connection = connection();
        assert_eq!(connection.receive(&records[..len]), Ok(()));
        assert!(!connection.is_open());
        assert_eq!(connection.receive_end(), Err(TlsError::ClosedEarly));
    }
}

/// The trace of §5, "HelloRetryRequest".
mod retry {
    use super::*;
    use crate::handshake::Message;
    use crate::message::kind;

    const CLIENT_HELLO: &str = "
        010000b00303b0b1c5a5aa37c5919f2ed1d5c6fff7fcb7849716945a2b8cee9258a346677b6f000006130113031302010000810000000b
        0009000006736572766572ff01000100000a00080006001d00170018003300260024001d0020e8e8e3f3b93a25ed97a14a7dcacb8a272c
        6288e585c6484d05262fcad062ad1f002b0003020304000d0020001e040305030603020308040805080604010501060102010402050206
        020202002d00020101001c00024001";

    const RETRY: &str = "
        020000ac0303cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c001301000084003300020017002c007400
        7271dcd04bb88bc3189119398a00000000eefafc76c146b823b096f8aacad365dd0030953f4edf625636e5f21bb2e23fcc654b1b5b4031
        8d10d137abcbb87574e36e8a1f025f7dfa5d6e50781b5eda4aa15b0c8be778257d16aa3030e9e7841dd9e4c0342267e8ca0caf571fb2b7
        cff0f934b0002b00020304";

    /// Without its padding of 175 zeros.
    const SECOND_HELLO: &str = "
        010001fc0303b0b1c5a5aa37c5919f2ed1d5c6fff7fcb7849716945a2b8cee9258a346677b6f000006130113031302010001cd0000000b
        0009000006736572766572ff01000100000a00080006001d001700180033004700450017004104a6da7392ec591e17abfd535964b99894
        d13befb221b3def2ebe3830eac8f0151812677c4d6d2237e85cf01d6910cfb83954e76ba7352830534159897e8065780002b0003020304
        000d0020001e040305030603020308040805080604010501060102010402050206020202002c0074007271dcd04bb88bc3189119398a00
        000000eefafc76c146b823b096f8aacad365dd0030953f4edf625636e5f21bb2e23fcc654b1b5b40318d10d137abcbb87574e36e8a1f02
        5f7dfa5d6e50781b5eda4aa15b0c8be778257d16aa3030e9e7841dd9e4c0342267e8ca0caf571fb2b7cff0f934b0002d00020101001c00
        024001001500af";

    const SERVER_HELLO_RECORD: &str = "
        160303007b020000770303bb341d847fd789c47c387172dc0c9bf147fccacb5043d86ca4c598d3ff571b9800130100004f003300450017
        004104583e054b7a66672ae020ad9d2686fcc85b5ad41a134a0f03ee72b893052bd85b4c8de6776f5b04ac07d83540eab3e3d9c547bc65
        28c4317d294686093a6cad7d002b00020304";

    const SERVER_FLIGHT_RECORD: &str = "
        170303029699bee20baf5b7fc727bfab6223928a381e6d0cf9c4da653f9d2a7b23f7de11cce842d5cf75631763450ffb8b0cc1d238e658
        af7a12adc86243114ab14a1da2fae42621ce483fb6242eabfaad52566b02b31d2eddedefeb80e66a9900d5f973b40c4fdf74719ecf1b68
        d7f9c3b6ceb903ca13dd1bb8f8187ae33417e1d152522c5822a1a03ad52c838c55953d610222874cce8e1790b229a2aa0b53c8d377ee72
        0182951dc6181dc5d90bd1f0105ed1e84aa5f75957c6661897079e5ea5007449e3197bdc7c9beeedddeafdd844afa5c315ecfe65e576af
        e909812880620ec7048b42d7f5c78d76f299d6d82534bdd8f512febc0ed3814aca470cd8000d3e1cb9962b052fbb950df683a52c2ba77e
        d3713b122937a6e5170964e2ab7969dcd980b3db9b458da7603124d6dc005e4d6e04b4d0c4baf3275db827dbba0a6db09672171fc057b3
        851d7e026841e2978fbd2346bbefdd0376bb1108fe9acc92189f5650aa5e85d8e8c7b67ac510dba003d3d7e16350bb66d45013efd44c9b
        607c0d318c4c7d1a1f5cbc57e20611804e3787d7b4a4b5f08ed8fd70bdaeade02260b12ab842ef690b4a3ee7911e841b374ecd5ebbbc2a
        54d047b600336dd7d0c88b4bc10e58ee6cb656de7247fa20d8e91deb84628608cf80615b62e96c1491c7ac3755eb6901405d3474fe1ac7
        9d106a0cee56c2577fc88480f96cb6b8c681b7b68b53c146093908f350888175bdfb0b1e31ad61e30ba0adfe6d223aa03c0783b5001a57
        587c328a9afcfcfb978d1cd4328f7d9d60530e630befd96c0c816ee20b0100768ae2a6df51fc68f172740a79af11398ee3be1252491fa9
        c693479e877f94ab7c5f8cad480203e6ab7b87dd71e8a0729113df17f5eee86ce108d1d72007ec1cd13c85a6c149621e77b7d78d805a30
        f0be030c315e54";

    const CLIENT_FINISHED_RECORD: &str = "
        1703030035d74f1923c662fd34137c6f502f3dd2b93d951d1b3bc97e42afe23c31abea92fe91b474999e85e3b791ce252fe8c3e9f939a4
        120cb2";

    #[test]
    fn records_of_the_trace() {
        let suites = vec![Suite::from_name("TLS_AES_128_GCM_SHA256").unwrap()];
        let config = Config { suites, versions: vec![Version::Tls13], ..Config::default() }.prepare(false).unwrap();
        let key: [u8; 32] =
            unhex("0ed02f8e8117efc75ca7ac32aa7e34eda64cdc0ddad154a5e85289f959f63204").try_into().unwrap();
        let share = Some(KeyShare::X25519(key.into()));
        let mut handshake = Handshake::start(config, Box::new(SystemRng), false, [0; 32], Vec::new(), share);
        let request = unhex(RETRY);
        handshake.receive(&Message { kind: kind::SERVER_HELLO, body: &request[4..], raw: &request }).unwrap();
        // The hellos and the second key are the trace's.
        let common = &mut handshake.common;
        assert_eq!(common.share.as_ref().map(KeyShare::group), Some(Group::P256));
        let key = unhex("ab5473467e19346ceb0a0414e41da21d4d2445bc3025afe97c4e8dc8d513da39");
        common.share = Some(KeyShare::P256(Box::new(p256::SecretKey::from_slice(&key).unwrap())));
        common.transcript = Transcript::new();
        common.transcript.add(&unhex(CLIENT_HELLO));
        common.transcript.replace_first_hello(HashKind::Sha256);
        common.transcript.add(&request);
        common.transcript.add(&[unhex(SECOND_HELLO), vec![0; 175]].concat());
        common.effects.clear();
        let mut connection = Connection::with_handshake(handshake).unwrap();
        connection.receive(&[unhex(SERVER_HELLO_RECORD), unhex(SERVER_FLIGHT_RECORD)].concat()).unwrap();
        assert_eq!(*connection.state(), State::Open);
        check(&connection.take_output(), &hex(&unhex(CLIENT_FINISHED_RECORD)));
        assert_eq!(connection.peer().unwrap().group, Some(Group::P256));
    }
}
